// Decides that nothing is written without the Lease: it is looked at right before each write. Reads pass.
import { AlertCastError } from "../errors.ts";
import type { ScalerCluster } from "./cluster.ts";

/** The same cluster, whose writes throw `fenced` when `held` says no. */
export function fenced(cluster: ScalerCluster, held: () => boolean): ScalerCluster {
  const check = () => {
    if (!held()) throw new AlertCastError("fenced", "not written: the Lease is not held");
  };
  return {
    watch: (listener, signal) => cluster.watch(listener, signal),
    target: (name) => cluster.target(name),
    autoscalersOf: (name) => cluster.autoscalersOf(name),
    servedFields: () => cluster.servedFields(),
    async scale(name, change) {
      check();
      // It may read and try again for a while before it writes.
      await cluster.scale(name, change, check);
    },
    async patchStatus(scaler, status) {
      check();
      await cluster.patchStatus(scaler, status);
    },
    async record(event, series) {
      check();
      await cluster.record(event, series);
    },
  };
}
