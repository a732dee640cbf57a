// Identities of rules and sets: SHA-256 over the RFC 8785 form of what was written (C2). Hashing only; no clock, no I/O.

import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { AlertCastError } from "../errors.ts";

/** RFC 8785 JSON of plain data; members that are undefined are left out. Throws `invalid` for what JSON cannot say. */
export function canonicalJson(value: unknown): string {
  try {
    const text = canonicalize(value);
    if (text !== undefined) return text;
  } catch (cause) {
    throw new AlertCastError("invalid", "not JSON data", { cause });
  }
  throw new AlertCastError("invalid", "not JSON data");
}

/** Version of a rule as written: the first 16 hex digits of the hash (C2). */
export function ruleVersion(rule: unknown): string {
  return setHash(rule).slice(0, 16);
}

/** SHA-256 (hex) of the RFC 8785 JSON. */
export function setHash(source: unknown): string {
  return createHash("sha256").update(canonicalJson(source), "utf8").digest("hex");
}
