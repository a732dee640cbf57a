// The operator as a whole: a candidate for the Lease that runs the controller while it leads. Ends when the Lease is lost.
import { messageOf } from "../errors.ts";
import type { Checks } from "../http/ops.ts";
import { runTasks } from "../lifecycle/run-tasks.ts";
import type { Sleep } from "../lifecycle/sleep.ts";
import type { Metrics } from "../telemetry/catalogue.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { ScalerCluster } from "./cluster.ts";
import { runController } from "./controller.ts";
import { EventRecorder } from "./events.ts";
import { fenced } from "./fenced.ts";
import { Lease, type LeaseStore } from "./lease.ts";
import { scalerMetrics } from "./metrics.ts";
import { NEEDED_FIELDS } from "./schema-fields.ts";
import type { LagSource } from "./source.ts";

/** A loop that has not turned for so long is dead. */
const TURN_WITHIN_MS = 60_000;
/** The watch is silent for as long as nothing changes, up to the next list. */
const WATCH_WITHIN_MS = 360_000;
const SCHEMA_CHECK_MS = 60_000;
const SCHEMA_RETRY_MS = 5_000;

export interface OperatorDeps {
  readonly cluster: ScalerCluster;
  readonly lease: LeaseStore;
  readonly source: LagSource;
  readonly identity: string;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly sleep: Sleep;
  /** From 0 to 1. */
  readonly random: () => number;
  /** ms since 1970. */
  readonly now: () => number;
  /** A clock that nobody sets, ms. */
  readonly monotonic: () => number;
}

export interface Operator {
  readonly checks: { readonly live: Checks; readonly ready: Checks };
  /** Runs until aborted. @throws AlertCastError `fenced` when the Lease is lost: the process has to end */
  run(signal: AbortSignal): Promise<void>;
}

export function createOperator(deps: OperatorDeps): Operator {
  const loops = new Loops(deps.monotonic);
  const schema: SchemaState = { absent: "not asked yet", tooOld: undefined };
  return {
    checks: {
      live: { loop: () => loops.check() },
      // A stand-by is as ready as it can be; what it needs of the cluster it has asked for.
      ready: { crd: () => schema.absent ?? true },
    },
    run: (signal) => lead(deps, loops, schema, signal),
  };
}

async function lead(deps: OperatorDeps, loops: Loops, schema: SchemaState, signal: AbortSignal): Promise<void> {
  const { logger, source, sleep, random, now, identity } = deps;
  const lease = new Lease({ ...deps, store: deps.lease });
  const metrics = scalerMetrics(deps.metrics);
  const cluster = fenced(deps.cluster, () => lease.held);
  const events = new EventRecorder({ cluster, logger, now });
  const turned = (loop: string, ended?: "ended") => loops.turned(loop, ended);
  const whileLeading = async (ending: AbortSignal): Promise<void> => {
    await lease.acquire(ending, () => turned("lease"));
    if (ending.aborted) return;
    logger.info({ identity }, "leading");
    metrics.leader(true);
    const schemaProblem = () => schema.tooOld;
    const controller = { cluster, source, events, metrics, logger, now, sleep, random, turned, schemaProblem };
    try {
      await runTasks([(s) => lease.keep(s, () => turned("lease")), (s) => runController(controller, s)], ending);
    } finally {
      metrics.leader(false);
      await lease.release();
    }
  };
  await runTasks([whileLeading, (s) => checkSchema(deps, schema, s)], signal);
}

interface SchemaState {
  /** Why there is nothing to do yet; undefined = there is a schema. */
  absent: string | undefined;
  tooOld: string | undefined;
}

/** Finds out whether the API server serves an older LagScaler than this version needs: Helm does not upgrade a CRD. */
async function checkSchema(
  { cluster, logger, sleep }: OperatorDeps,
  schema: SchemaState,
  signal: AbortSignal,
): Promise<void> {
  let lastSaid: string | undefined;
  while (!signal.aborted) {
    const { absent, tooOld, error } = await findMissing(cluster);
    if (error === undefined) {
      // An older schema is no reason not to run: what it knows works.
      schema.absent = absent;
      schema.tooOld = tooOld;
    }
    const said = absent ?? tooOld ?? error;
    if (said !== undefined && said !== lastSaid) logger.warn({ why: said }, tooOld ? "CRD too old" : "CRD not seen");
    lastSaid = said;
    await sleep(absent === undefined && error === undefined ? SCHEMA_CHECK_MS : SCHEMA_RETRY_MS, signal);
  }
}

async function findMissing(
  cluster: ScalerCluster,
): Promise<{ readonly absent?: string; readonly tooOld?: string; readonly error?: string }> {
  try {
    const served = await cluster.servedFields();
    if (served === undefined || served.size === 0) {
      return { absent: "the API server knows no LagScaler: apply the chart's crds folder" };
    }
    const missing = NEEDED_FIELDS.filter((field) => !served.has(field));
    if (missing.length === 0) return {};
    return {
      tooOld: `CRD too old: it lacks ${missing.join(", ")}; kubectl apply --server-side --force-conflicts -f charts/alertcast/crds`,
    };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** When each loop has last turned. */
class Loops {
  readonly #monotonic: () => number;
  readonly #turnedAtMs = new Map<string, number>();

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
    this.turned("lease");
  }

  turned(loop: string, ended?: "ended"): void {
    if (ended === undefined) this.#turnedAtMs.set(loop, this.#monotonic());
    else this.#turnedAtMs.delete(loop);
  }

  check(): true | string {
    const nowMs = this.#monotonic();
    for (const [loop, atMs] of this.#turnedAtMs) {
      const limitMs = loop === "watch" ? WATCH_WITHIN_MS : TURN_WITHIN_MS;
      if (nowMs - atMs > limitMs)
        return `the loop of ${loop} has not turned for ${Math.round((nowMs - atMs) / 1000)} s`;
    }
    return true;
  }
}
