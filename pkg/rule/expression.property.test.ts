import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExpressionError } from "./cel-ast.ts";
import { compileCondition } from "./expression.ts";
import type { Scope } from "./model.ts";
import { compileRuleSet, parseRuleFile } from "./rule-file.ts";
import { compileTemplate } from "./template.ts";

const seed = Date.now() % 0x7fffffff;
console.info(`fast-check seed of expression.property.test.ts: ${seed}`);
fc.configureGlobal({ seed, numRuns: 300 });

function scopeOf(event: Record<string, unknown>): Scope {
  return { event, deviceId: "dev-1", lastSeenMs: Number.NaN, previous: undefined };
}

/** Runs what may only fail with a typed error; undefined if it did. */
function orRefused<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    expect(error).toBeInstanceOf(ExpressionError);
    return undefined;
  }
}

const words = fc.constantFrom(
  ..."event previous device x y . . ( ) [ ] , ! - + * / == != < >= && || ? : in has size all exists matches startsWith timestamp duration 1 2.5 'a' \"b\" true false null } { { severity rate".split(
    " ",
  ),
);
const soup = fc.oneof(
  fc.array(words, { maxLength: 24 }).map((list) => list.join(" ")),
  fc.string({ unit: "binary", maxLength: 60 }),
);

/** Valid conditions over the fields a, b and c of the event. */
const { condition } = fc.letrec<{ value: string; condition: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(
      "event.a",
      "event.b",
      "event.c",
      "1",
      "-0.5",
      '"s"',
      "null",
      "true",
      "[1, event.a]",
      "event.a[0]",
      "event.b.x",
      "previous.a",
      "device.id",
      "device.last_seen",
      'duration("1s")',
    ),
    fc
      .tuple(tie("value"), fc.constantFrom("+", "-", "*", "/"), tie("value"))
      .map(([l, operator, r]) => `(${l} ${operator} ${r})`),
    tie("value").map((value) => `size(${value})`),
    tie("value").map((value) => `timestamp(${value})`),
  ),
  condition: fc.oneof(
    { depthSize: "small" },
    fc
      .tuple(tie("value"), fc.constantFrom("==", "!=", "<", "<=", ">", ">=", "in"), tie("value"))
      .map(([l, operator, r]) => `${l} ${operator} ${r}`),
    fc
      .tuple(tie("condition"), fc.constantFrom("&&", "||"), tie("condition"))
      .map(([l, operator, r]) => `(${l}) ${operator} (${r})`),
    tie("condition").map((inner) => `!(${inner})`),
    fc
      .tuple(tie("condition"), tie("condition"), tie("condition"))
      .map(([test, yes, no]) => `(${test}) ? (${yes}) : (${no})`),
    fc.constantFrom(
      "has(event.a)",
      "has(event.b.x)",
      "event.a",
      "event.b.contains('s')",
      "event.c.matches('^s+$')",
      "event.c.exists(e, e > 1)",
      "event.c.all(e, e == event.a)",
    ),
  ),
}));

const fieldValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(1, 0, -0, "s", true, false, null, [1, 2], { x: 1 }, Number.POSITIVE_INFINITY, "2026-01-05T00:00:00Z"),
);
const event = fc.record({ a: fieldValue, b: fieldValue, c: fieldValue }, { requiredKeys: [] }) as fc.Arbitrary<
  Record<string, unknown>
>;

describe("whatever is thrown at them", () => {
  it("the parser and the templates refuse with a typed error or accept", () => {
    fc.assert(
      fc.property(soup, event, (text, fields) => {
        const result = orRefused(() => compileCondition(text))?.value.evaluate(scopeOf(fields));
        expect([true, false, undefined]).toContain(result);
        const rendered = orRefused(() => compileTemplate(text))?.value.render(scopeOf(fields), "low") ?? "";
        expect(rendered.isWellFormed() && !rendered.includes("\0") && Array.from(rendered).length <= 500).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("evaluation answers true, false or unknown, and evidence is JSON", () => {
    fc.assert(
      fc.property(condition, event, (text, fields) => {
        const compiled = orRefused(() => compileCondition(text));
        if (compiled === undefined) return;
        expect([true, false, undefined]).toContain(compiled.value.evaluate(scopeOf(fields)));
        const values = compiled.value.values(scopeOf(fields));
        expect(JSON.parse(JSON.stringify(values))).toEqual(JSON.parse(JSON.stringify(values)));
      }),
      { numRuns: 1000 },
    );
  });

  it("rule files are compiled or refused, as data and as text", () => {
    const data = fc.jsonValue({ maxDepth: 4 });
    const rule = fc.dictionary(
      fc.constantFrom(
        "id",
        "severity",
        "when",
        "levels",
        "count",
        "flap",
        "mute",
        "rate",
        "labels",
        "dedupKey",
        "escalateAfter",
        "absent",
        "for",
      ),
      data,
    );
    fc.assert(
      fc.property(
        fc.oneof(
          data,
          fc.record({
            apiVersion: fc.constant("alertcast/v1"),
            time: data,
            rules: fc.array(fc.oneof(rule, data), { maxLength: 3 }),
          }),
        ),
        (source) => {
          const result = compileRuleSet(source);
          expect(result.ok || result.errors.length > 0).toBe(true);
        },
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary", maxLength: 80 }),
          fc.string({ unit: fc.constantFrom(..."a:-{}[]&*#!|>'\" \n\t%?,"), maxLength: 40 }),
        ),
        (text) => {
          expect(parseRuleFile(text).ok).toBe(false);
        },
      ),
    );
  });
});

describe("the laws of unknown", () => {
  /** Kleene's: false decides `and`, whatever the other side. */
  function and(a: boolean | undefined, b: boolean | undefined): boolean | undefined {
    if (a === false || b === false) return false;
    return a === true && b === true ? true : undefined;
  }

  function not(a: boolean | undefined): boolean | undefined {
    return a === undefined ? undefined : !a;
  }

  it("hold for !, && and ||, on either side", () => {
    fc.assert(
      fc.property(condition, condition, event, (left, right, fields) => {
        const run = (text: string) => compileCondition(text).value.evaluate(scopeOf(fields));
        orRefused(() => {
          const a = run(left);
          const b = run(right);
          expect(run(`!(${left})`)).toBe(not(a));
          expect(run(`(${left}) && (${right})`)).toBe(and(a, b));
          expect(run(`(${right}) && (${left})`)).toBe(and(a, b));
          expect(run(`(${left}) || (${right})`)).toBe(not(and(not(a), not(b))));
        });
      }),
      { numRuns: 1000 },
    );
  });

  it("!= is the opposite of ==, and both sides may be exchanged", () => {
    fc.assert(
      fc.property(event, (fields) => {
        const run = (text: string) => compileCondition(text).value.evaluate(scopeOf(fields));
        expect(run("event.a != event.b")).toBe(not(run("event.a == event.b")));
        expect(run("event.b == event.a")).toBe(run("event.a == event.b"));
      }),
    );
  });
});

describe("numbers", () => {
  it("are doubles, and a non-finite one is unknown", () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), fc.constantFrom("+", "-", "*", "/"), (a, b, operator) => {
        const exact = { "+": a + b, "-": a - b, "*": a * b, "/": a / b }[operator] ?? Number.NaN;
        const finite = [a, b, exact].every(Number.isFinite);
        expect(
          compileCondition(`event.a ${operator} event.b == event.c`).value.evaluate(scopeOf({ a, b, c: exact })),
        ).toBe(finite ? true : undefined);
      }),
      { numRuns: 1000 },
    );
  });

  it("compare with a literal as with a field, by every operator", () => {
    fc.assert(
      fc.property(
        fieldValue,
        fc.double({ noDefaultInfinity: true, noNaN: true }),
        fc.constantFrom("<", "<=", ">", ">=", "==", "!="),
        (a, b, operator) => {
          const run = (text: string) => compileCondition(text).value.evaluate(scopeOf({ a, b }));
          expect(run(`event.a ${operator} ${b}`)).toBe(run(`event["a"] ${operator} event.b`));
        },
      ),
    );
  });
});
