// How the operator's adapters call the API server: every request with a deadline, errors in our own words. Knows no resource.
import {
  ApiException,
  type ConfigurationOptions,
  createConfiguration,
  HttpMethod,
  type KubeConfig,
  Observable,
  PatchStrategy,
  RequestContext,
  setHeaderOptions,
} from "@kubernetes/client-node";
import { AlertCastError, type ErrorCode, messageOf } from "../errors.ts";
import { within } from "../log/wait.ts";

/** Shorter than the 5 s for which a write may outlast the look at the Lease before it. */
const CALL_TIMEOUT_MS = 4_000;

/**
 * Runs one call, which is given options that cut it off at the deadline.
 * @param what the call, after "cannot"
 * @throws AlertCastError `not-found`, `conflict`, `invalid` (refused: rights or form) or `unavailable`
 */
export async function call<T>(
  what: string,
  work: (options: ConfigurationOptions) => Promise<T>,
  timeoutMs: number = CALL_TIMEOUT_MS,
): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  const deadline = {
    pre: (context: RequestContext) => {
      context.setSignal(signal);
      return new Observable(Promise.resolve(context));
    },
    post: <R>(response: R) => new Observable(Promise.resolve(response)),
  };
  const options: ConfigurationOptions = { middleware: [deadline], middlewareMergeStrategy: "append" };
  try {
    // Credentials may come from a program or a file before the request is made: those waits end here.
    return await within(work(options), timeoutMs, what);
  } catch (error) {
    throw translated(what, error);
  }
}

/** The same options for a call that patches by merge; the client would send another type of patch by itself. */
export function asMergePatch(options: ConfigurationOptions): ConfigurationOptions {
  return setHeaderOptions("Content-Type", PatchStrategy.MergePatch, options);
}

/** A document of the API server that no generated call reads; undefined = it has none (404). */
export async function readDocument(config: KubeConfig, path: string): Promise<unknown> {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new AlertCastError("invalid", "no API server is configured");
  const what = `read ${path}`;
  try {
    return await within(fetchDocument(config, `${server}${path}`), CALL_TIMEOUT_MS, what);
  } catch (error) {
    throw translated(what, error);
  }
}

async function fetchDocument(config: KubeConfig, url: string): Promise<unknown> {
  const context = new RequestContext(url, HttpMethod.GET);
  context.setHeaderParam("Accept", "application/json");
  context.setSignal(AbortSignal.timeout(CALL_TIMEOUT_MS));
  await config.applySecurityAuthentication(context);
  const response = await createConfiguration().httpApi.send(context).toPromise();
  const body = await response.body.text();
  if (response.httpStatusCode === 404) return undefined;
  if (response.httpStatusCode !== 200) throw new ApiException(response.httpStatusCode, "no document", body, {});
  return JSON.parse(body);
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  400: "invalid",
  401: "invalid",
  403: "invalid",
  404: "not-found",
  409: "conflict",
  422: "invalid",
};

function translated(what: string, error: unknown): AlertCastError {
  if (error instanceof AlertCastError) return error;
  if (!(error instanceof ApiException)) {
    return new AlertCastError("unavailable", `cannot ${what}: ${rootMessage(error)}`, { cause: error });
  }
  const code = CODES[error.code] ?? "unavailable";
  return new AlertCastError(code, `cannot ${what}: ${error.code} ${saidBy(error.body)}`, { cause: error });
}

/** `fetch failed` says nothing; its cause does. */
function rootMessage(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? messageOf(error.cause) : messageOf(error);
}

/** The message of a Kubernetes Status, which comes as an object or as text. */
function saidBy(body: unknown): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const found = /"message":"((?:[^"\\]|\\.)*)"/.exec(text ?? "");
  return (found?.[1] ?? text ?? "").slice(0, 500);
}
