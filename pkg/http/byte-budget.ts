// Decides whether more request bytes may be held in memory at the same time. Never waits: it admits or refuses.
import { AlertCastError } from "../errors.ts";

/** What one request holds of a budget; given back when disposed. */
export interface ByteLease extends Disposable {
  /** Throws `throttled` if the budget has no room for `bytes` in all at the moment. Holds nothing: bytes that are only announced cost nothing. */
  check(bytes: number): void;
  /** Holds at least `bytes` in all. Throws `throttled` if the budget has no room for that. */
  grow(bytes: number): void;
}

export interface ByteBudget {
  /** Bytes held now. */
  readonly used: number;
  lease(): ByteLease;
}

/** A budget of `limitBytes` over all its leases. */
export function createByteBudget(limitBytes: number): ByteBudget {
  let used = 0;
  return {
    get used() {
      return used;
    },
    lease() {
      let held = 0;
      const check = (bytes: number) => {
        if (used + bytes - held <= limitBytes) return;
        throw new AlertCastError("throttled", "too many bytes are being taken in at the moment; try again later");
      };
      return {
        check,
        grow(bytes) {
          if (bytes <= held) return;
          check(bytes);
          used += bytes - held;
          held = bytes;
        },
        [Symbol.dispose]() {
          used -= held;
          held = 0;
        },
      };
    },
  };
}
