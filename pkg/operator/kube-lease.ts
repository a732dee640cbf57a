// Keeps the Lease as an object of coordination.k8s.io. Decides nothing: lease.ts does.
import { CoordinationV1Api, type KubeConfig, type V1Lease, V1MicroTime } from "@kubernetes/client-node";
import { hasCode } from "../errors.ts";
import { call } from "./kube-client.ts";
import type { LeaseRecord, LeaseStore, StoredLease } from "./lease.ts";

/** Several tries must fit into the 10 s in which a leader has to renew. */
const TIMEOUT_MS = 3_000;

export function kubeLease(config: KubeConfig, namespace: string, name: string): LeaseStore {
  const api = config.makeApiClient(CoordinationV1Api);
  return {
    async read() {
      try {
        const lease = await call(
          `read Lease ${name}`,
          (options) => api.readNamespacedLease({ name, namespace }, options),
          TIMEOUT_MS,
        );
        return stored(lease);
      } catch (error) {
        if (hasCode(error, "not-found")) return undefined;
        throw error;
      }
    },
    async write(record, before) {
      const body: V1Lease = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        // With its version the write fails when somebody else's came between.
        metadata: { name, namespace, ...(before !== undefined && { resourceVersion: before.version }) },
        spec: {
          holderIdentity: record.holder,
          leaseDurationSeconds: record.durationSeconds,
          acquireTime: new V1MicroTime(record.acquiredAtMs),
          renewTime: new V1MicroTime(record.renewedAtMs),
          leaseTransitions: record.transitions,
        },
      };
      const write = before === undefined ? "create" : "update";
      const lease = await call(
        `${write} Lease ${name}`,
        (options) =>
          before === undefined
            ? api.createNamespacedLease({ namespace, body }, options)
            : api.replaceNamespacedLease({ name, namespace, body }, options),
        TIMEOUT_MS,
      );
      return stored(lease);
    },
  };
}

function stored({ metadata, spec }: V1Lease): StoredLease {
  const record: LeaseRecord = {
    holder: spec?.holderIdentity ?? "",
    durationSeconds: spec?.leaseDurationSeconds ?? 0,
    acquiredAtMs: msOf(spec?.acquireTime),
    renewedAtMs: msOf(spec?.renewTime),
    transitions: spec?.leaseTransitions ?? 0,
  };
  return { record, version: metadata?.resourceVersion ?? "" };
}

/** The client's types promise a Date; what it gives is the text that the API server sent. */
function msOf(time: Date | string | undefined): number {
  return time === undefined ? 0 : new Date(time).getTime();
}
