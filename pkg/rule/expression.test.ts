import { describe, expect, it } from "vitest";
import { loadVectors, type Vector } from "../../test/vectors.ts";
import { ExpressionError } from "./cel-ast.ts";
import { compileCondition, compileKey, compileNumber } from "./expression.ts";
import type { Scope } from "./model.ts";

interface Case {
  readonly expr: string;
  readonly event?: Record<string, unknown>;
  readonly eventText?: string;
  readonly previous?: Record<string, unknown>;
  readonly lastSeen?: string;
  readonly result: boolean | string;
}

function scopeOf(event: Record<string, unknown>, rest: Partial<Scope> = {}): Scope {
  return { event, deviceId: "dev-1", lastSeenMs: Number.NaN, previous: undefined, ...rest };
}

/** As the vectors write it: true, false, "unknown" or "error:<code>". */
function outcome(expr: string, scope: Scope): boolean | string {
  try {
    return compileCondition(expr).value.evaluate(scope) ?? "unknown";
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return `error:${error.reason}`;
  }
}

const vectors = loadVectors("expressions.json");

describe.skipIf(vectors === undefined)("golden vectors of expressions", () => {
  for (const vector of vectors ?? []) {
    for (const each of (vector as Vector & { cases: Case[] }).cases) {
      it(`${vector.name}: ${each.expr.slice(0, 80)} is ${each.result} on ${each.eventText ?? JSON.stringify(each.event).slice(0, 60)}`, () => {
        const event =
          each.eventText === undefined ? (each.event ?? {}) : (JSON.parse(each.eventText) as Record<string, unknown>);
        const lastSeenMs = each.lastSeen === undefined ? Number.NaN : Date.parse(each.lastSeen);
        expect(outcome(each.expr, scopeOf(event, { previous: each.previous, lastSeenMs }))).toBe(each.result);
      });
    }
  }
});

describe("the language", () => {
  const cases: readonly (readonly [string, Record<string, unknown>, boolean | string])[] = [
    // Literals
    ["event.s == 'it\\'s'", { s: "it's" }, true],
    ['event.s == r"a\\b"', { s: "a\\b" }, true],
    ['event.s == """a"b"""', { s: 'a"b' }, true],
    ['event.s == "\\u00e9\\x41\\U0001F600\\101"', { s: "éA😀A" }, true],
    ['event.s == "\\ud800"', {}, "error:bad-expression"],
    ['event.s == "a\nb"', {}, "error:bad-expression"],
    ['event.s == b"a"', {}, "error:bad-expression"],
    ["event.n == 0x1F", { n: 31 }, true],
    ["event.n == .5", { n: 0.5 }, true],
    ["event.n == 5a", {}, "error:bad-expression"],
    ["event.n > 1e999", {}, "error:bad-expression"],
    ["event.n > 75u", {}, "error:bad-expression"],
    ["event.m == {}", {}, "error:bad-expression"],
    ["event.n > 1 // hot", { n: 2 }, true],
    ["", {}, "error:bad-expression"],
    ["in", {}, "error:bad-expression"],
    ["while > 1", {}, "error:bad-expression"],
    ["event.n > 1 event.n", {}, "error:bad-expression"],
    // Operators
    ["1 < 2 == true", {}, true],
    ["-event.n == -(5)", { n: 5 }, true],
    ["--event.n == 5", { n: 5 }, true],
    ["8 / 2 / 2 == 2", {}, true],
    ["true || false && false", {}, true],
    ["false ? false : true ? true : false", {}, true],
    ["[1, 2] + [3] == [1, 2, 3]", {}, true],
    ["event.b > false", { b: true }, true],
    ['"\\U0001F600" > "\\uffff"', {}, true],
    ["event.n in [1, event.m]", { n: 2, m: 2 }, true],
    ["event.n in [1, event.m]", { n: 2 }, "unknown"],
    ["event.n in event.l", { n: 2, l: [1, 2] }, true],
    ["5 in event.m", { m: { 5: 1 } }, false],
    ['"constructor" in event', {}, false],
    ["event == event", { a: [1, { b: null }] }, true],
    ["event.a == event.b", { a: { x: 1, y: [2] }, b: { y: [2], x: 1 } }, true],
    ["event.a == event.b", { a: [1, Number.POSITIVE_INFINITY], b: [2, 1] }, false],
    ["event.a == event.b", { a: [1, Number.POSITIVE_INFINITY], b: [1, 1] }, "unknown"],
    ["event.hasOwnProperty == null", {}, "unknown"],
    // Functions
    ["matches(event.s, 'a+')", { s: "baab" }, true],
    ["event.s.matches('a+')", { s: "x".repeat(4097) }, "unknown"],
    ["event.s.matches('^(😀)+$')", { s: "😀".repeat(4096) }, true],
    ["event.s.matches('(a*)*b')", { s: "a".repeat(4096) }, false],
    ["event.s.matches('((a{100}){100}){100}')", {}, "error:bad-expression"],
    ["size(event.m) == 1", { m: { a: 1 } }, true],
    ["size() == 1", {}, "error:bad-expression"],
    ["event.s.startsWith('a', 'b')", {}, "error:bad-expression"],
    ["event.s.startsWith('a',)", {}, "error:bad-expression"],
    ["has(event)", {}, "error:bad-expression"],
    ["has(event['x'])", {}, "error:bad-expression"],
    ["has(1)", {}, "error:bad-expression"],
    ["event.m.all(k, k.startsWith('a'))", { m: { ab: 1, ac: 2 } }, true],
    ["event.l.exists(event, true)", {}, "error:bad-expression"],
    ["event.l.exists(x, x > event.n) && event.l.all(y, y > 0)", { l: [1, 5], n: 3 }, true],
    ["event.l.exists(x, y > 1)", {}, "error:bad-expression"],
    ["x > 1 || event.l.exists(x, x > 1)", {}, "error:bad-expression"],
    // Time
    ["duration('1.5s') == duration('1500ms')", {}, true],
    ["duration('1d') == duration('24h')", {}, true],
    ["duration('-1h') < duration('0')", {}, true],
    ["duration(event.d) > duration('1s')", { d: "soon" }, "unknown"],
    [
      "timestamp(event.ts) - duration('1h') == timestamp('2026-01-05T00:00:00.5Z')",
      { ts: "2026-01-05T01:00:00.500Z" },
      true,
    ],
    ["timestamp('9999-12-31T23:59:59Z') + duration('1h') > timestamp('2026-01-05T00:00:00Z')", {}, "unknown"],
    ["timestamp(event.ts) == timestamp(timestamp(event.ts))", { ts: "2026-01-05T24:00:00Z" }, "unknown"],
    ["timestamp(event.ts) > timestamp('2026-01-05T00:00:00')", { ts: "2026-01-05T01:00:00Z" }, "unknown"],
    // Names
    ["device.id in ['dev-1']", {}, true],
    ["device['id'] == 'dev-1'", {}, "error:bad-expression"],
    ["device.lastSeen > timestamp('2026-01-05T00:00:00Z')", {}, "error:bad-expression"],
    ["device == event", {}, "error:bad-expression"],
    ["severity == 'high'", {}, "error:bad-expression"],
    ["has(device.id)", {}, true],
    ["event", {}, "error:bad-expression"],
    ["size(event.l)", {}, "error:bad-expression"],
    ["event.a ? 1 : 2", {}, "error:bad-expression"],
    ["event.a ? event.b : 2", { a: true, b: true }, true],
  ];
  for (const [expr, event, result] of cases) {
    it(`${expr.slice(0, 70)} is ${result} on ${JSON.stringify(event).slice(0, 50)}`, () => {
      expect(outcome(expr, scopeOf(event))).toBe(result);
    });
  }

  it("a chain may be long without being deep, and brackets cannot exhaust the stack", () => {
    expect(outcome(Array.from({ length: 40 }, () => "event.b").join(" || "), scopeOf({ b: true }))).toBe(true);
    expect(outcome(`${"(".repeat(500)}event.b${")".repeat(500)}`, scopeOf({}))).toBe("error:limit");
    expect(outcome(`event${".a".repeat(16)} == 1`, scopeOf({}))).toBe("error:limit");
    expect(outcome(`event.b == ${"[".repeat(400)}`, scopeOf({}))).toBe("error:limit");
  });

  it("the cost counts nodes, a hundredfold inside a comprehension, and 50 more per string function", () => {
    expect(compileCondition("event.x > 1").cost).toBe(4);
    expect(compileCondition("has(event.x)").cost).toBe(3);
    expect(compileCondition("event.s.startsWith('a')").cost).toBe(4 + 50);
    expect(compileCondition("event.l.exists(x, x > 1)").cost).toBe(3 + 300);
  });

  it("says whether the event before is read", () => {
    expect(compileCondition("event.n - previous.n > 5").usesPrevious).toBe(true);
    expect(compileCondition("has(previous.n)").usesPrevious).toBe(true);
    expect(compileCondition("event.previous > 5").usesPrevious).toBe(false);
  });
});

describe("values of the paths an expression reads", () => {
  function values(expr: string, event: Record<string, unknown>, rest: Partial<Scope> = {}): Record<string, unknown> {
    return compileCondition(expr).value.values(scopeOf(event, rest));
  }

  it("are those of the event, and a missing one is left out", () => {
    const expr = 'event.t >= 85 && (!has(event.door) || event.door == "shut")';
    expect(values(expr, { t: 92, other: 1 })).toEqual({ "event.t": 92 });
    expect(values(expr, { t: 92, door: "shut" })).toEqual({ "event.t": 92, "event.door": "shut" });
    expect(values("event.x == null", { x: null })).toEqual({ "event.x": null });
  });

  it("know nested, odd and indexed paths, previous and device", () => {
    const expr = 'event["odd-key"] == event.l[0].a && previous.n > 1 && device.id != "" && has(device.last_seen)';
    const rest = { previous: { n: 2 }, lastSeenMs: Date.parse("2026-01-05T00:00:30Z") };
    expect(values(expr, { "odd-key": 1, l: [{ a: 1 }] }, rest)).toEqual({
      'event["odd-key"]': 1,
      "event.l[0].a": 1,
      "previous.n": 2,
      "device.id": "dev-1",
      "device.last_seen": "2026-01-05T00:00:30Z",
    });
  });

  it("are the list of a comprehension and the parts of a computed index", () => {
    expect(values("event.l.exists(x, x.a > event.n)", { l: [{ a: 1 }], n: 0 })).toEqual({
      "event.l": [{ a: 1 }],
      "event.n": 0,
    });
    expect(values("event.m[event.k] > 1", { m: { a: 1 }, k: "a" })).toEqual({ "event.m": { a: 1 }, "event.k": "a" });
    expect(values('"odd-key" in event', { "odd-key": 5, b: 1 })).toEqual({ 'event["odd-key"]': 5 });
  });

  it("are JSON data", () => {
    expect(values("event.n > 1 || event.l == []", { n: Number.POSITIVE_INFINITY, l: [Number.NaN] })).toEqual({
      "event.l": [null],
    });
    const hostile = JSON.parse('{"__proto__":{"a":1}}') as Record<string, unknown>;
    expect(JSON.stringify(values("event.__proto__ == 1", hostile))).toBe('{"event.__proto__":{"a":1}}');
  });
});

describe("value expressions", () => {
  it("give JSON values, with times as text", () => {
    expect(compileKey("event.port").value.evaluate(scopeOf({ port: 5 }))).toBe(5);
    expect(compileKey("event.port").value.evaluate(scopeOf({}))).toBeUndefined();
    expect(compileKey("event.n").value.evaluate(scopeOf({ n: Number.POSITIVE_INFINITY }))).toBeUndefined();
    expect(
      compileKey("event.a ? timestamp(event.ts) : 'none'").value.evaluate(
        scopeOf({ a: true, ts: "2026-01-05T01:00:00+01:00" }),
      ),
    ).toBe("2026-01-05T00:00:00Z");
    expect(compileNumber("event.a * 2").value.evaluate(scopeOf({ a: 4 }))).toBe(8);
  });

  it("refuse what can never be of their type", () => {
    expect(() => compileNumber("event.a > 1")).toThrow(/needs a number, but this is a condition/);
    expect(() => compileKey("[event.a]")).toThrow(ExpressionError);
    expect(() => compileKey("timestamp(event.a)")).toThrow(/timestamp/);
  });
});
