// The scaler's view of Kubernetes: LagScalers, the Deployment and its scale, HorizontalPodAutoscalers, events. One namespace.
import {
  AppsV1Api,
  AutoscalingV2Api,
  CustomObjectsApi,
  EventsV1Api,
  type KubeConfig,
  type V1Deployment,
  V1MicroTime,
} from "@kubernetes/client-node";
import { AlertCastError, hasCode } from "../errors.ts";
import type { ScalerCluster, ScalerEvent, Target, Writer } from "./cluster.ts";
import { asMergePatch, call, readDocument } from "./kube-client.ts";
import { API, watchScalers } from "./kube-watch.ts";
import { schemaFields } from "./schema-fields.ts";

/** Under this name the API server remembers what we write. */
const MANAGER = "alertcast-operator";
const CONTROLLER = "scaling.alertcast.dev/operator";
/** A Deployment's status changes its version too, so a precondition may fail though the replicas are as they were. */
const SCALE_TRIES = 4;

export interface KubeClusterOptions {
  readonly config: KubeConfig;
  readonly namespace: string;
  /** Who reports events: this process. */
  readonly instance: string;
}

export function kubeCluster({ config, namespace, instance }: KubeClusterOptions): ScalerCluster {
  const custom = config.makeApiClient(CustomObjectsApi);
  const apps = config.makeApiClient(AppsV1Api);
  const autoscaling = config.makeApiClient(AutoscalingV2Api);
  const events = config.makeApiClient(EventsV1Api);
  return {
    watch: (listener, signal) => watchScalers({ config, custom, namespace }, listener, signal),
    async target(name) {
      const what = `read Deployment ${name}`;
      const found = await orUndefined(call(what, (o) => apps.readNamespacedDeployment({ name, namespace }, o)));
      return found === undefined ? undefined : targetOf(found);
    },
    scale: (name, change, mayWrite = () => {}) => scale(apps, { name, namespace }, change, mayWrite),
    async autoscalersOf(name) {
      const list = await call("list HorizontalPodAutoscalers", (o) =>
        autoscaling.listNamespacedHorizontalPodAutoscaler({ namespace }, o),
      );
      return list.items
        .filter(({ spec }) => spec?.scaleTargetRef.kind === "Deployment" && spec.scaleTargetRef.name === name)
        .map(({ metadata }) => metadata?.name ?? "");
    },
    async patchStatus({ name }, status) {
      await call(`write the status of LagScaler ${name}`, (o) =>
        custom.patchNamespacedCustomObjectStatus(
          { ...API, namespace, name, body: { status }, fieldManager: MANAGER },
          asMergePatch(o),
        ),
      );
    },
    record: (event, series) => record(events, namespace, instance, event, series),
    async servedFields() {
      const document = await readDocument(config, `/openapi/v3/apis/${API.group}/${API.version}`);
      return document === undefined ? undefined : schemaFields(document, "LagScaler");
    },
  };
}

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, "not-found")) return undefined;
    throw error;
  }
}

async function scale(
  apps: AppsV1Api,
  { name, namespace }: { readonly name: string; readonly namespace: string },
  { from, to }: { readonly from: number; readonly to: number },
  mayWrite: () => void,
): Promise<void> {
  for (let n = 1; ; n++) {
    const now = await call(`read the scale of ${name}`, (o) =>
      apps.readNamespacedDeploymentScale({ name, namespace }, o),
    );
    const replicas = now.spec?.replicas ?? 0;
    if (replicas !== from) throw new AlertCastError("conflict", `${name} has ${replicas} replicas, no longer ${from}`);
    const body = { metadata: { resourceVersion: now.metadata?.resourceVersion }, spec: { replicas: to } };
    mayWrite();
    try {
      await call(`scale ${name}`, (o) =>
        apps.patchNamespacedDeploymentScale({ name, namespace, body, fieldManager: MANAGER }, asMergePatch(o)),
      );
      return;
    } catch (error) {
      if (!hasCode(error, "conflict") || n === SCALE_TRIES) throw error;
    }
  }
}

function targetOf({ metadata, spec, status }: V1Deployment): Target {
  return {
    uid: metadata?.uid ?? "",
    replicas: spec?.replicas ?? 1,
    readyReplicas: status?.readyReplicas ?? 0,
    writer: writerOf(metadata?.managedFields ?? []),
  };
}

type ManagedFields = NonNullable<NonNullable<V1Deployment["metadata"]>["managedFields"]>;

/** Several may own the field with the same number; then we are meant where we are one of them. */
function writerOf(managedFields: ManagedFields): Writer | undefined {
  const owners = managedFields.filter(({ fieldsV1 }) => ownsReplicas(fieldsV1));
  const ours = owners.find(({ manager }) => manager === MANAGER);
  const writer = ours ?? owners.at(-1);
  return writer?.manager === undefined ? undefined : { manager: writer.manager, ours: writer === ours };
}

function ownsReplicas(fields: unknown): boolean {
  if (typeof fields !== "object" || fields === null || !("f:spec" in fields)) return false;
  const spec = fields["f:spec"];
  return typeof spec === "object" && spec !== null && "f:replicas" in spec;
}

async function record(
  api: EventsV1Api,
  namespace: string,
  instance: string,
  event: ScalerEvent,
  { id, count }: { readonly id: string; readonly count: number },
): Promise<void> {
  const now = new V1MicroTime();
  if (count > 1) {
    const body = { series: { count, lastObservedTime: now.toISOString() } };
    await call("count an event up", (o) => api.patchNamespacedEvent({ name: id, namespace, body }, asMergePatch(o)));
    return;
  }
  const { scaler, related } = event;
  const body = {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: id, namespace },
    eventTime: now,
    reportingController: CONTROLLER,
    reportingInstance: instance.slice(0, 128),
    type: event.type,
    reason: event.reason,
    action: event.action,
    note: event.note,
    regarding: {
      apiVersion: `${API.group}/${API.version}`,
      kind: "LagScaler",
      namespace,
      name: scaler.name,
      uid: scaler.uid,
    },
    ...(related !== undefined && { related: { apiVersion: "apps/v1", kind: "Deployment", namespace, name: related } }),
  };
  await call("record an event", (o) => api.createNamespacedEvent({ namespace, body }, o));
}
