// Decides which instant an RFC 3339 text names. Pure; never reads a clock or a time zone, never guesses a missing offset.

const ZERO = 0x30;
const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAYS_BEFORE_1970 = 719_162;
const LONGEST = "2026-01-01T00:00:00.123456789+00:00".length;

/**
 * The instant of an RFC 3339 date-time with an offset, in ms since 1970 (fractions below a ms cut).
 * Years 0000 to 9999, real calendar dates only, 1 to 9 fraction digits, no leap second; `T` and `Z` in either case.
 * Returns NaN for any other text.
 */
export function parseInstant(text: string): number {
  if (text.length < 20 || text.length > LONGEST) return Number.NaN;
  const minuteMs = minuteOf(text);
  const second = digits(text, 17, 2);
  // A comparison with NaN is false, so a part that is no number fails here too.
  if (!(second <= 59) || text[16] !== ":") return Number.NaN;
  const fractionEnd = endOfFraction(text);
  const offsetMs = parseOffset(text, fractionEnd);
  return minuteMs + second * 1000 + fractionMs(text, fractionEnd) - offsetMs;
}

// What was read last: the events of a stream mostly share their minute.
let lastMinute = "";
let lastMinuteMs = Number.NaN;

/** `parseToMinute`, remembering the last answer. */
function minuteOf(text: string): number {
  const minute = text.slice(0, 16);
  if (minute !== lastMinute) {
    lastMinuteMs = parseToMinute(minute);
    lastMinute = minute;
  }
  return lastMinuteMs;
}

/** `YYYY-MM-DDThh:mm` at the start of the text, as if in UTC. */
function parseToMinute(text: string): number {
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const separator = text[10];
  if (text[4] !== "-" || text[7] !== "-" || (separator !== "T" && separator !== "t") || text[13] !== ":")
    return Number.NaN;
  if (!(year >= 0 && month >= 1 && month <= 12 && hour <= 23 && minute <= 59)) return Number.NaN;
  const isLeapYear = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const lastDay = month === 2 && isLeapYear ? 29 : (DAYS_IN_MONTH[month - 1] ?? 0);
  if (!(day >= 1 && day <= lastDay)) return Number.NaN;

  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const dayOfYear = (DAYS_BEFORE_MONTH[month - 1] ?? 0) + (month > 2 && isLeapYear ? 1 : 0) + day - 1;
  const days = before * 365 + leapDays + dayOfYear - DAYS_BEFORE_1970;
  return ((days * 24 + hour) * 60 + minute) * 60_000;
}

/** The number in `count` ASCII digits at `start`; NaN if one of them is none. */
function digits(text: string, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Where the offset begins: 19 without a fraction. */
function endOfFraction(text: string): number {
  if (text[19] !== ".") return 19;
  let at = 20;
  while (digits(text, at, 1) >= 0) at++;
  return at;
}

/** Whole ms of the fraction; NaN for a dot without digits or with more than nine. */
function fractionMs(text: string, end: number): number {
  if (end === 19) return 0;
  const count = end - 20;
  if (count < 1 || count > 9) return Number.NaN;
  return digits(text, 20, Math.min(count, 3)) * (count === 1 ? 100 : count === 2 ? 10 : 1);
}

/** The offset from UTC that is the rest of the text, in ms; NaN if it is none. */
function parseOffset(text: string, start: number): number {
  const sign = text[start];
  if (sign === "Z" || sign === "z") return text.length === start + 1 ? 0 : Number.NaN;
  if ((sign !== "+" && sign !== "-") || text[start + 3] !== ":" || text.length !== start + 6) return Number.NaN;
  const hours = digits(text, start + 1, 2);
  const minutes = digits(text, start + 4, 2);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (sign === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
