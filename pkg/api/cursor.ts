// Decides how a place in a list looks to clients: opaque, checked, and good only for the filter it was made for.
// Pure. It is no secret: a place says nothing that the list does not.
import { createHash } from "node:crypto";
import type { Position } from "../ticket/read.ts";

export type CursorResult =
  | { readonly ok: true; readonly position: Position }
  /** `bad-value`: not a cursor of ours, or altered. `cursor-mismatch`: made for another list or filter. */
  | { readonly ok: false; readonly code: "bad-value" | "cursor-mismatch" };

const CREATED_AT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{6}Z$/;
const DIGEST_LENGTH = 16;

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, DIGEST_LENGTH);
}

/** @param filter one text for each list and filter, however a client wrote it */
export function encodeCursor(filter: string, position: Position): string {
  const body = `${digest(filter)} ${position.createdAt} ${position.id}`;
  return Buffer.from(`${digest(body)} ${body}`).toString("base64url");
}

/** Reads what encodeCursor made, to the microsecond. */
export function decodeCursor(filter: string, cursor: string): CursorResult {
  const text = Buffer.from(cursor, "base64url").toString("latin1");
  // The last letter of base64 may differ without a difference in the bytes, and Node skips letters that are none.
  if (Buffer.from(text, "latin1").toString("base64url") !== cursor) return { ok: false, code: "bad-value" };
  const [sum, madeFor, createdAt = "", id = ""] = text.split(" ");
  if (sum !== digest(`${madeFor} ${createdAt} ${id}`) || !isPosition(createdAt, id))
    return { ok: false, code: "bad-value" };
  if (madeFor !== digest(filter)) return { ok: false, code: "cursor-mismatch" };
  return { ok: true, position: { createdAt, id: Number(id) } };
}

/** Whoever computes the checksum himself must not get an impossible date or id to the database either. */
function isPosition(createdAt: string, id: string): boolean {
  const [, seconds] = CREATED_AT.exec(createdAt) ?? [];
  if (seconds === undefined || !/^\d{1,16}$/.test(id) || !Number.isSafeInteger(Number(id))) return false;
  const ms = Date.parse(`${seconds}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(seconds);
}
