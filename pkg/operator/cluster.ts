// The port through which the scaler sees and changes the cluster. Every call ends by itself, within the adapter's deadline.
// Errors: `unavailable` (try again later), `not-found`, `conflict` (somebody was faster), `invalid` (refused; a person has to look).
import type { ScalerRef } from "./lag-scaler.ts";
import type { ScalerStatus } from "./status.ts";

/** The Deployment that is scaled. */
export interface Target {
  readonly uid: string;
  /** spec.replicas. */
  readonly replicas: number;
  readonly readyReplicas: number;
  /** Who wrote spec.replicas last, as the API server remembers it; undefined = nobody yet, or it does not say. */
  readonly writer: Writer | undefined;
}

export interface Writer {
  readonly manager: string;
  /** It was this operator. */
  readonly ours: boolean;
}

/** An event of events.k8s.io about a LagScaler. */
export interface ScalerEvent {
  readonly scaler: ScalerRef;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  /** What was done or not done, as a verb. */
  readonly action: string;
  readonly note: string;
  /** The Deployment. */
  readonly related?: string;
}

export interface ScalerCluster {
  /**
   * Keeps telling all LagScalers of the namespace, as objects not yet looked into: at once, at each change and at least every
   * five minutes, until `signal` aborts. Restarts by itself whatever goes wrong.
   */
  watch(listener: WatchListener, signal: AbortSignal): Promise<void>;
  /** undefined = there is no such Deployment. */
  target(name: string): Promise<Target | undefined>;
  /**
   * Writes spec.replicas through the scale subresource, if it still is `from`; `conflict` otherwise.
   * @param mayWrite called right before each write; what it throws stops it
   */
  scale(name: string, change: { readonly from: number; readonly to: number }, mayWrite?: () => void): Promise<void>;
  /** Names of the HorizontalPodAutoscalers that scale this Deployment. */
  autoscalersOf(name: string): Promise<readonly string[]>;
  /** Replaces the fields that are given; null removes one. */
  patchStatus(scaler: ScalerRef, status: StatusPatch): Promise<void>;
  /** Writes an event, or counts it up: `count` > 1 is the same event again, first told with count 1. */
  record(event: ScalerEvent, series: { readonly id: string; readonly count: number }): Promise<void>;
  /** Fields of the LagScaler schema, such as `status.memory`, that the API server serves; undefined = it knows no LagScaler. */
  servedFields(): Promise<ReadonlySet<string> | undefined>;
}

/** null removes the field. */
export type StatusPatch = { readonly [Name in keyof ScalerStatus]: ScalerStatus[Name] | null };

export interface WatchListener {
  /** All there are now. */
  scalers(objects: readonly unknown[]): void;
  /** The watch ended or the list failed; it will be tried again. */
  trouble(error: unknown): void;
}
