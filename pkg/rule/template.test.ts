import { describe, expect, it } from "vitest";
import { loadVectors } from "../../test/vectors.ts";
import { ExpressionError } from "./cel-ast.ts";
import type { Scope, Severity } from "./model.ts";
import { compileTemplate, plainTemplate } from "./template.ts";

function scopeOf(event: Record<string, unknown>): Scope {
  return { event, deviceId: "dev-1", lastSeenMs: Date.parse("2026-01-05T00:00:30Z"), previous: undefined };
}

function render(text: string, event: Record<string, unknown> = {}, severity: Severity = "low", rate?: number): string {
  return compileTemplate(text).value.render(scopeOf(event), severity, rate);
}

describe("a template", () => {
  it("prints values, braces, and ? for what is unknown", () => {
    expect(
      render(
        "{severity} {{x} {event.none} {event.up} {event.l} {event.n}",
        { up: false, l: [1, "a"], n: 81.2 },
        "critical",
      ),
    ).toBe('critical {x} ? false [1,"a"] 81.2');
    expect(render("x is {event.x}, {{not code}", { x: null })).toBe("x is null, {not code}");
    expect(render("{event.m} } {1 / 0} {-0.0}", { m: { a: [null, Number.NaN] } })).toBe('{"a":[null,null]} } ? 0');
    expect(render("")).toBe("");
  });

  it("prints times as RFC 3339 and spans in seconds", () => {
    expect(render("No event since {device.last_seen}")).toBe("No event since 2026-01-05T00:00:30Z");
    expect(
      render("{timestamp(event.ts)} {duration('1h30m')} {[duration('1s')]}", { ts: "2026-01-05T01:00:00.5+01:00" }),
    ).toBe('2026-01-05T00:00:00.500Z 5400s ["1s"]');
  });

  it("knows the rate where there is one", () => {
    expect(render("Rising {rate} per minute", {}, "low", 10)).toBe("Rising 10 per minute");
    expect(render("Rising {rate} per minute")).toBe("Rising ? per minute");
  });

  it("has whole expressions, with braces in their strings", () => {
    expect(render("{event.s == '}' ? 'brace' : \"{{\"}{event.l.exists(x, x > 1) ? '!' : ''}", { s: "}", l: [2] })).toBe(
      "brace!",
    );
  });

  it("is cut above 500 code points to 499 and an ellipsis", () => {
    expect(render("{event.t}", { t: "😀".repeat(500) })).toBe("😀".repeat(500));
    expect(render("{event.t}", { t: "😀".repeat(501) })).toBe(`${"😀".repeat(499)}…`);
    expect(render("{event.t}", { t: "x".repeat(1_000_000) })).toBe(`${"x".repeat(499)}…`);
  });

  it("gives text that PostgreSQL can store", () => {
    expect(render("{event.t}|", { t: "a\0b\ud800" })).toBe("a\ufffdb\ufffd|");
    expect(plainTemplate("a\0{b}").render(scopeOf({}), "low")).toBe("a\ufffd{b}");
  });

  it("is refused with an open brace, a bad or an empty expression", () => {
    for (const text of ["x {event.x", "{nope}", "{}", "{event.x event.y}", "{'}", "{(}"]) {
      expect(() => compileTemplate(text)).toThrow(ExpressionError);
    }
  });

  it("costs what its expressions cost", () => {
    expect(compileTemplate("{event.a} and {previous.b}")).toMatchObject({ cost: 4, usesPrevious: true });
  });
});

const evidence = loadVectors("evidence.json");

describe.skipIf(evidence === undefined)("golden vectors of texts", () => {
  it("a reason as its ticket shows it", () => {
    const vector = evidence?.find(({ name }) => name.startsWith("text:")) as unknown as {
      rules: { rules: { id: string; severity: Severity; reason: string }[] };
      steps: { entry: { event: Record<string, unknown> }; expect: { tickets: Record<string, { reason: string }> } }[];
    };
    const [step] = vector.steps;
    for (const { id, severity, reason } of vector.rules.rules) {
      expect(render(reason, step?.entry.event, severity)).toBe(step?.expect.tickets[`${id}/dev-1#1`]?.reason);
    }
  });
});
