// LagScalers and their Deployments for tests, as small as they can be.
import type { KubeObject } from "../chart/helm.ts";

/** A LagScaler of Deployment `processor` whose Kafka is not there, with `spec` on top. */
export function newLagScaler(namespace: string, name: string, spec: object = {}): KubeObject {
  return {
    apiVersion: "scaling.alertcast.dev/v1alpha1",
    kind: "LagScaler",
    metadata: { name, namespace },
    spec: {
      targetRef: { name: "processor" },
      kafka: { brokers: ["127.0.0.1:9"], groupId: "alertcast-processor", topics: ["device_events"] },
      ...spec,
    },
  };
}

/** A Deployment whose pods nobody will ever run. */
export function newDeployment(namespace: string, name: string, replicas: number): KubeObject {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "main", image: "example.invalid/none:1" }] } },
    },
  };
}
