// Keeps a list of the namespace's LagScalers up to date: list, watch, and again from the list when the watch ends, as it will.
import { type CustomObjectsApi, type KubeConfig, Watch } from "@kubernetes/client-node";
import { AlertCastError } from "../errors.ts";
import { pause, within } from "../log/wait.ts";
import type { WatchListener } from "./cluster.ts";
import { call } from "./kube-client.ts";

export const API = { group: "scaling.alertcast.dev", version: "v1alpha1", plural: "lagscalers" } as const;

/** However well a watch does, it is given up after so long and the list read anew. */
const RELIST_SECONDS = 300;
const CONNECT_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

export interface WatchDeps {
  readonly config: KubeConfig;
  readonly custom: CustomObjectsApi;
  readonly namespace: string;
  /** How long a watch may take to begin, ms; default 10 s. */
  readonly connectTimeoutMs?: number;
}

/** See ScalerCluster.watch. The client ends a watch that was silent for 30 s; that is a relist like any other. */
export async function watchScalers(deps: WatchDeps, listener: WatchListener, signal: AbortSignal): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const list = await listScalers(deps);
      const known = new Map(list.items.map((item) => [uidOf(item), item]));
      listener.scalers([...known.values()]);
      pauseMs = FIRST_PAUSE_MS;
      await follow(deps, list.version, known, listener, signal);
    } catch (error) {
      if (signal.aborted) return;
      listener.trouble(error);
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
    await pause(pauseMs, signal);
  }
}

async function listScalers({ custom, namespace }: WatchDeps) {
  const list: unknown = await call("list LagScalers", (o) =>
    custom.listNamespacedCustomObject({ ...API, namespace }, o),
  );
  const { items, metadata } = isObject(list) ? list : {};
  const version = isObject(metadata) ? metadata.resourceVersion : undefined;
  if (!Array.isArray(items) || typeof version !== "string") {
    throw new AlertCastError("unavailable", "the list of LagScalers cannot be read");
  }
  return { items: items as readonly unknown[], version };
}

/** Resolves when the watch has ended in an orderly way, or `signal` aborts. */
async function follow(
  { config, namespace, connectTimeoutMs = CONNECT_TIMEOUT_MS }: WatchDeps,
  resourceVersion: string,
  known: Map<string, unknown>,
  listener: WatchListener,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let over = false;
  const path = `/apis/${API.group}/${API.version}/namespaces/${namespace}/${API.plural}`;
  const query = { resourceVersion, timeoutSeconds: RELIST_SECONDS, allowWatchBookmarks: true };
  const started = new Watch(config).watch(
    path,
    query,
    (phase, object: unknown) => {
      // One that begins late, or ends late, would tell of a list that is no longer ours.
      if (over) return;
      // The client swallows what is thrown in here: it has to come out by the promise.
      try {
        take(phase, object, known, listener);
      } catch (error) {
        reject(error);
      }
    },
    (error: unknown) => (error === null || isTimeout(error) ? resolve() : reject(error)),
  );
  promise.catch(() => undefined); // it may end before we wait for it below
  let request: AbortController;
  try {
    request = await within(started, connectTimeoutMs, "the start of the watch");
  } catch (error) {
    over = true;
    started.then(
      (late) => late.abort(),
      () => undefined, // it failed by itself
    );
    throw error;
  }
  const stop = () => {
    request.abort();
    resolve();
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  // A connection that neither speaks nor ends must not keep us from listing.
  const late = setTimeout(stop, (RELIST_SECONDS + 15) * 1000);
  try {
    await promise;
  } finally {
    over = true;
    clearTimeout(late);
    signal.removeEventListener("abort", stop);
    request.abort();
  }
}

function take(phase: string, object: unknown, known: Map<string, unknown>, listener: WatchListener): void {
  if (phase === "BOOKMARK") return;
  if (phase === "ERROR") {
    const text = isObject(object) && typeof object.message === "string" ? object.message : "an error in the watch";
    throw new AlertCastError("unavailable", text);
  }
  if (phase === "DELETED") known.delete(uidOf(object));
  else known.set(uidOf(object), object);
  listener.scalers([...known.values()]);
}

function uidOf(object: unknown): string {
  const metadata = isObject(object) ? object.metadata : undefined;
  return isObject(metadata) && typeof metadata.uid === "string" ? metadata.uid : "";
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === "TimeoutError";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
