// Decides which events of a request's body are valid. Pure; judges each event by itself and never changes its bytes.
import { AlertCastError } from "../errors.ts";
import { decodeEvent } from "../event/decode.ts";
import type { EventError } from "../event/event.ts";
import { isJsonArray, splitArray, splitLines, trimJson } from "../event/split.ts";
import type { ValidEvent } from "./publisher.ts";

export type BodyFormat = "json" | "ndjson";

/** Why one event of a request was refused. */
export interface RejectedEvent extends EventError {
  /** Its place in the request, from 0; blank lines have none. */
  readonly index: number;
}

export interface Intake {
  readonly valid: readonly ValidEvent[];
  readonly rejected: number;
  /** The first of the rejected ones. */
  readonly errors: readonly RejectedEvent[];
  /** All rejected ones, by code. */
  readonly rejectedByCode: ReadonlyMap<string, number>;
}

export interface IntakeLimits {
  readonly eventBytes: number;
  readonly events: number;
  readonly errors: number;
}

const BROKEN_ARRAY: EventError = {
  code: "invalid-json",
  field: "",
  message: "the body is not one JSON array: from this member on it breaks off, or a bracket or comma is out of place",
};

/**
 * Reads a body: one event or an array of them (json), or one event a line (ndjson). A member of an array that is no valid
 * event is rejected alone; an array that is not closed, or is followed by more, is rejected as a whole.
 * Throws `too-large` when it holds more events than the limit.
 */
export function readIntake(body: Buffer, format: BodyFormat, limits: IntakeLimits): Intake {
  const text = trimJson(body);
  const judge = createJudge(limits);
  if (format === "ndjson") {
    for (const line of splitLines(text)) judge.event(line);
  } else if (isJsonArray(text)) {
    const members = splitArray(text);
    let next = members.next();
    for (; next.done !== true; next = members.next()) judge.event(next.value);
    if (!next.value) judge.refuseAll(BROKEN_ARRAY);
  } else if (text.length > 0) {
    judge.event(text);
  }
  return judge.intake();
}

function createJudge(limits: IntakeLimits) {
  let valid: ValidEvent[] = [];
  let errors: RejectedEvent[] = [];
  const rejectedByCode = new Map<string, number>();
  let rejected = 0;
  const reject = (index: number, error: EventError) => {
    rejected++;
    rejectedByCode.set(error.code, (rejectedByCode.get(error.code) ?? 0) + 1);
    if (errors.length < limits.errors) errors.push({ index, ...error });
  };
  return {
    event(value: Buffer) {
      const index = valid.length + rejected;
      if (index >= limits.events)
        throw new AlertCastError("too-large", `a request may hold ${limits.events} events; send them in parts`);
      if (value.length > limits.eventBytes) {
        reject(index, { code: "too-large", field: "", message: `an event may have ${limits.eventBytes} bytes` });
        return;
      }
      const decoded = decodeEvent(value);
      if (decoded.ok) valid.push({ deviceId: decoded.event.deviceId, value });
      else reject(index, decoded.error);
    },
    /** Where the whole cannot be trusted, nothing of it is taken and nothing else is said. */
    refuseAll(error: EventError) {
      const index = valid.length + rejected;
      valid = [];
      errors = [];
      rejected = 0;
      rejectedByCode.clear();
      reject(index, error);
    },
    intake: (): Intake => ({ valid, rejected, errors, rejectedByCode }),
  };
}
