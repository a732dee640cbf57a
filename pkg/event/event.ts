// What one event is, whatever door it came by. Types only; decode.ts reads bytes into it.

/** An accepted event (E5 passed). */
export interface DeviceEvent {
  readonly deviceId: string;
  /** The JSON object as sent, without the contract fields that were null (E5). */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The instant `ts` names, in ms (fractions below a ms cut), NaN without a ts. Not yet judged (T4). */
  readonly tsMs: number;
  /** `event_id`, if sent. */
  readonly eventId: string | undefined;
}

/** Why bytes are no event. */
export interface EventError {
  readonly code: EventErrorCode;
  /** The contract field at fault, "" when it is the whole. */
  readonly field: string;
  readonly message: string;
}

export type EventErrorCode =
  | "null-value"
  | "empty-value"
  | "invalid-utf8"
  | "invalid-json"
  | "not-an-object"
  | "too-deep"
  | "missing-field"
  | "wrong-type"
  | "bad-value"
  | "too-large";

export type Decoded =
  | { readonly ok: true; readonly event: DeviceEvent }
  | { readonly ok: false; readonly error: EventError };
