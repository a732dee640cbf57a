// The port through which the scaler looks at what is consumed: offsets of the log, offsets of the group, its members.
import type { KafkaSpec } from "./lag-scaler.ts";
import type { Observation } from "./model.ts";

/** One complete look. */
export type SourceObservation = Pick<Observation, "partitions" | "group">;

export interface LagSource extends AsyncDisposable {
  /**
   * Reads the group's committed offsets first, then the ends of the log (so lag is never too small by what was committed in
   * between), then the group. All or nothing: with one partition missing it fails.
   * @throws AlertCastError `unavailable` saying what could not be seen; within the adapter's own deadline
   */
  observe(kafka: KafkaSpec): Promise<SourceObservation>;
  /** Lets go of what is kept for a source that nobody asks for any more. */
  forget(kafka: KafkaSpec): Promise<void>;
}
