// Runs every LagScaler of the namespace: one task each, which looks every 10 s. Decides when to look, never what to do.
import { AlertCastError, hasCode, messageOf } from "../errors.ts";
import type { Sleep } from "../lifecycle/sleep.ts";
import { type LagScaler, parseLagScaler, sourceKey } from "./lag-scaler.ts";
import { type ReconcileDeps, reconcile, restoreState, type ScalerState } from "./reconcile.ts";

const LOOK_EVERY_MS = 10_000;
/** Looks are this share earlier or later, so that they do not all fall together. */
const JITTER = 0.1;

export interface ControllerDeps extends ReconcileDeps {
  readonly sleep: Sleep;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Called whenever a loop has turned, by the loop's name; with `ended` when it turns no more. */
  readonly turned: (loop: string, ended?: "ended") => void;
  /** What the served schema lacks, if it lacks anything. */
  readonly schemaProblem: () => string | undefined;
}

/** Runs until aborted. @throws AlertCastError `fenced` when a write found the Lease gone */
export async function runController(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const ending = AbortSignal.any([signal, failed.signal]);
  let failure: unknown;
  const fail = (error: unknown) => {
    failure ??= error;
    failed.abort();
  };
  const tasks = new ScalerTasks(deps, fail);
  let lastTrouble: string | undefined;
  const listener = {
    scalers: (objects: readonly unknown[]) => {
      deps.turned("watch");
      lastTrouble = undefined;
      tasks.update(readAll(objects, deps), ending);
    },
    trouble: (error: unknown) => {
      // A failed try is a turn too: that the API server is away is no reason to be restarted.
      deps.turned("watch");
      const trouble = messageOf(error);
      if (trouble !== lastTrouble) deps.logger.warn({ err: error }, "LagScalers cannot be watched");
      lastTrouble = trouble;
    },
  };
  await deps.cluster.watch(listener, ending);
  await tasks.ended();
  if (failure !== undefined) throw failure;
}

/** Objects that this version cannot read are left alone; the schema should have refused them. */
function readAll(objects: readonly unknown[], { logger }: ControllerDeps): LagScaler[] {
  return objects.flatMap((object) => {
    try {
      return [parseLagScaler(object)];
    } catch (error) {
      logger.warn({ err: error }, "a LagScaler cannot be read");
      return [];
    }
  });
}

interface ScalerTask {
  readonly stop: AbortController;
  /** Ends the present pause. */
  wake: () => void;
  scaler: LagScaler;
}

class ScalerTasks {
  readonly #deps: ControllerDeps;
  readonly #fail: (error: unknown) => void;
  readonly #tasks = new Map<string, ScalerTask>();
  readonly #running = new Set<Promise<void>>();

  constructor(deps: ControllerDeps, fail: (error: unknown) => void) {
    this.#deps = deps;
    this.#fail = fail;
  }

  /** Starts what is new, ends what is gone, and lets what was edited look at once. */
  update(scalers: readonly LagScaler[], signal: AbortSignal): void {
    const uids = new Set(scalers.map(({ uid }) => uid));
    for (const [uid, task] of this.#tasks) {
      if (uids.has(uid)) continue;
      this.#tasks.delete(uid);
      task.stop.abort();
      task.wake();
    }
    for (const scaler of scalers) {
      const task = this.#tasks.get(scaler.uid);
      if (task === undefined) this.#start(scaler, signal);
      else {
        const edited = task.scaler.generation !== scaler.generation;
        task.scaler = scaler;
        if (edited) task.wake();
      }
    }
  }

  /** Resolves when every task has ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  #start(scaler: LagScaler, signal: AbortSignal): void {
    const task: ScalerTask = { stop: new AbortController(), wake: () => undefined, scaler };
    this.#tasks.set(scaler.uid, task);
    const running = this.#run(task, AbortSignal.any([signal, task.stop.signal])).finally(() =>
      this.#running.delete(running),
    );
    this.#running.add(running);
  }

  async #run(task: ScalerTask, signal: AbortSignal): Promise<void> {
    const { logger, turned, source, metrics } = this.#deps;
    const { name, target } = task.scaler;
    logger.info({ scaler: name, target }, "LagScaler taken up");
    signal.addEventListener("abort", () => task.wake(), { once: true });
    let state = restoreState(task.scaler);
    let lastProblem: string | undefined;
    let toldSchema: string | undefined;
    while (!signal.aborted) {
      const { scaler } = task;
      toldSchema = await this.#tellSchema(scaler, toldSchema);
      const looked = await this.#look(scaler, state);
      if (looked.state !== undefined) state = looked.state;
      if (looked.problem !== undefined && looked.problem !== lastProblem) {
        logger.warn({ scaler: name, error: looked.problem }, "LagScaler not reconciled");
      }
      lastProblem = looked.problem;
      turned(name);
      if (!signal.aborted && task.scaler.generation === scaler.generation) await this.#pause(task);
      if (sourceKey(task.scaler) !== sourceKey(scaler)) await source.forget(scaler.kafka);
    }
    turned(name, "ended");
    metrics.forget(name);
    await source.forget(task.scaler.kafka);
  }

  /** One event for each problem, however long it lasts. */
  async #tellSchema(scaler: LagScaler, told: string | undefined): Promise<string | undefined> {
    const problem = this.#deps.schemaProblem();
    if (problem !== undefined && problem !== told) {
      const note = problem.slice(0, 1000);
      await this.#deps.events.tell({ scaler, type: "Warning", reason: "CRDTooOld", action: "CheckSchema", note });
    }
    return problem;
  }

  async #look(
    scaler: LagScaler,
    state: ScalerState,
  ): Promise<{ readonly state?: ScalerState; readonly problem?: string }> {
    try {
      return { state: await reconcile(scaler, state, this.#rivalOf(scaler), this.#deps) };
    } catch (error) {
      if (hasCode(error, "fenced")) this.#fail(error);
      else if (!(error instanceof AlertCastError)) this.#fail(error);
      return { problem: messageOf(error) };
    }
  }

  /** Of several for one target the oldest acts; of the same age the first by name. */
  #rivalOf(scaler: LagScaler): string | undefined {
    const older = [...this.#tasks.values()]
      .map((task) => task.scaler)
      .filter(({ uid, target, mode }) => uid !== scaler.uid && target === scaler.target && mode === "Active")
      .filter(
        (other) =>
          other.createdMs < scaler.createdMs || (other.createdMs === scaler.createdMs && other.name < scaler.name),
      );
    return older[0]?.name;
  }

  async #pause(task: ScalerTask): Promise<void> {
    const { sleep, random } = this.#deps;
    const awake = new AbortController();
    task.wake = () => awake.abort();
    await sleep(LOOK_EVERY_MS * (1 + JITTER * (2 * random() - 1)), awake.signal);
  }
}
