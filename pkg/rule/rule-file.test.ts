import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadVectorFile, loadVectors, type Vector } from "../../test/vectors.ts";
import { DEFAULT_RULES } from "./default-rules.ts";
import type { RuleFileError, RuleFileResult, RuleSet } from "./model.ts";
import { compileRuleSet, MAX_FILE_BYTES, parseRuleFile } from "./rule-file.ts";
import { canonicalJson, ruleVersion } from "./rule-version.ts";
import { unsupportedKeys } from "./supported.ts";

interface ValidationVector extends Vector {
  readonly file: unknown;
  readonly errors: readonly { path: string; code: string; suggestion?: string }[];
}

interface VersionVector extends Vector {
  readonly rule: unknown;
  readonly canonical: string;
  readonly version: string;
}

const MINIMAL = { id: "a", severity: "low", when: "event.x > 1" };

function rulesOf(...rules: unknown[]): RuleFileResult {
  return compileRuleSet({ apiVersion: "alertcast/v1", rules });
}

function accepted(result: RuleFileResult): RuleSet {
  if (!result.ok) throw new Error(result.errors.map(({ message }) => message).join("\n"));
  return result.ruleSet;
}

function errorsOf(result: RuleFileResult): readonly RuleFileError[] {
  return result.ok ? [] : result.errors;
}

/** `path code` of each error, sorted, with the suggestion if there is one. */
function summary(errors: readonly { path: string; code: string; suggestion?: string }[]): string[] {
  return errors
    .map(({ path, code, suggestion }) => `${path} ${code}${suggestion === undefined ? "" : ` -> ${suggestion}`}`)
    .sort();
}

const vectors = loadVectors("rule-file.json") as ValidationVector[] | undefined;

describe.skipIf(vectors === undefined)("golden vectors of rule files", () => {
  for (const vector of vectors ?? []) {
    it(vector.name, () => {
      expect(summary(errorsOf(compileRuleSet(vector.file)))).toEqual(summary(vector.errors));
    });
    it(`${vector.name}, as YAML text`, () => {
      expect(summary(errorsOf(parseRuleFile(JSON.stringify(vector.file))))).toEqual(summary(vector.errors));
    });
  }
});

const versions = loadVectors("rule-changes.json")?.filter(({ kind }) => kind === "version") as
  | VersionVector[]
  | undefined;

describe.skipIf(versions === undefined)("golden vectors of versions", () => {
  for (const vector of versions ?? []) {
    it(vector.name, () => {
      expect(canonicalJson(vector.rule)).toBe(vector.canonical);
      expect(ruleVersion(vector.rule)).toBe(vector.version);
    });
  }
});

const defaults = loadVectorFile("default-rules.json");

describe.skipIf(defaults === undefined)("the default set", () => {
  it("is the golden one", () => {
    expect(accepted(parseRuleFile(DEFAULT_RULES)).source).toEqual(defaults);
  });
});

describe("the text of a rule file", () => {
  function only(text: string): RuleFileError | undefined {
    const errors = errorsOf(parseRuleFile(text));
    expect(errors).toHaveLength(1);
    return errors[0];
  }

  it("may be YAML or JSON, and both mean the same", () => {
    const yaml = accepted(parseRuleFile(DEFAULT_RULES));
    const json = accepted(parseRuleFile(JSON.stringify(yaml.source)));
    expect(json.hash).toBe(yaml.hash);
    expect(json.rules.map(({ version }) => version)).toEqual(yaml.rules.map(({ version }) => version));
  });

  it("with a syntax error is refused with the line", () => {
    const error = only("apiVersion: alertcast/v1\nrules:\n  - {id: a\n");
    expect(error).toMatchObject({ path: "", code: "bad-value" });
    expect(error?.message).toMatch(/line \d/);
  });

  it("that states a key twice is refused with the line", () => {
    const error = only("apiVersion: alertcast/v1\nrules: []\nrules: []\n");
    expect(error).toMatchObject({ path: "", code: "bad-value" });
    expect(error?.message).toMatch(/line 3/);
  });

  it("must not have aliases", () => {
    expect(only("apiVersion: alertcast/v1\nrules:\n  - &a {id: a}\n  - *a\n")).toMatchObject({
      path: "",
      code: "limit",
    });
  });

  it("must be one document of YAML 1.2 without foreign tags", () => {
    expect(only("%YAML 1.1\n---\nrules: []\n")).toMatchObject({ path: "", code: "bad-value" });
    expect(only("a: 1\n---\nb: 1\n")).toMatchObject({ path: "", code: "bad-value" });
    expect(only("rules: !!js/function x\n")).toMatchObject({ path: "", code: "bad-value" });
  });

  it("reads off as text and knows no merge keys, as YAML 1.2 has it", () => {
    const errors = errorsOf(
      parseRuleFile(
        "apiVersion: alertcast/v1\nrules:\n  - {id: a, severity: low, when: event.x > 1, enabled: off, <<: {name: b}}\n",
      ),
    );
    expect(summary(errors)).toEqual(["rules[0].enabled wrong-type", 'rules[0]["<<"] unknown-key'].sort());
  });

  it("of more than 256 KiB is refused, whatever it says", () => {
    expect(only(`#${"x".repeat(MAX_FILE_BYTES)}`)).toMatchObject({ path: "", code: "limit" });
  });

  it("nested thousands deep is an error and not a crash", () => {
    expect(only("[".repeat(100_000))).toMatchObject({ path: "", code: "bad-value" });
    expect(errorsOf(parseRuleFile(`rules: ${"[".repeat(3000)}${"]".repeat(3000)}`)).length).toBeGreaterThan(0);
  });

  it("without content is not a mapping", () => {
    expect(only("")).toMatchObject({ path: "", code: "wrong-type" });
  });
});

describe("errors", () => {
  it("name the field and the reason", () => {
    const [error] = errorsOf(rulesOf({ ...MINIMAL, for: "5 minutes" }));
    expect(error?.message).toBe(
      'rules[0].for: must be a duration such as 1h30m (whole numbers of d, h, m, s in this order), not "5 minutes"',
    );
  });

  it("of null are wrong types: what is stated is not guessed", () => {
    expect(summary(errorsOf(rulesOf({ ...MINIMAL, for: null, reason: null })))).toEqual([
      "rules[0].for wrong-type",
      "rules[0].reason wrong-type",
    ]);
  });

  it("name text that PostgreSQL cannot store and data that JSON cannot say", () => {
    expect(summary(errorsOf(rulesOf({ ...MINIMAL, name: "a\0b", reason: "\ud800" })))).toEqual([
      "rules[0].name bad-value",
      "rules[0].reason bad-value",
    ]);
    expect(
      summary(errorsOf(rulesOf({ ...MINIMAL, rate: { of: "event.y", above: Number.POSITIVE_INFINITY } }))),
    ).toEqual(["rules[0].rate.above bad-value"]);
    expect(summary(errorsOf(rulesOf({ ...MINIMAL, name: 5n })))).toEqual(["rules[0].name wrong-type"]);
  });

  it("stand at the level, or at the rule where the level took it from there", () => {
    const levels = [{ severity: "low", for: "1m" }];
    expect(
      summary(errorsOf(rulesOf({ id: "a", when: "event.x > 1", count: { events: 2, within: "1m" }, levels }))),
    ).toEqual(["rules[0].count conflict"]);
    expect(summary(errorsOf(rulesOf({ id: "a", absent: "1m", levels })))).toEqual(["rules[0].absent conflict"]);
    expect(
      summary(errorsOf(rulesOf({ id: "a", levels: [{ severity: "low" }, { severity: "high", when: "event.x > 1" }] }))),
    ).toEqual(["rules[0].levels[0] missing-key"]);
    expect(
      summary(errorsOf(rulesOf({ id: "a", levels: [{ severity: "low", absent: "1m" }], dedupKey: ["event.p"] }))),
    ).toEqual(["rules[0].dedupKey conflict"]);
  });

  it("refuse windows and rates over no time, and URLs with white space", () => {
    const rule = {
      ...MINIMAL,
      count: { events: 2, within: "0s" },
      rate: { of: "event.x", above: 1, per: "0s" },
      runbook: "https://a b",
    };
    expect(summary(errorsOf(rulesOf(rule)))).toEqual([
      "rules[0].count.within bad-value",
      "rules[0].rate.per bad-value",
      "rules[0].runbook bad-value",
    ]);
  });

  it("guard against keys every object has", () => {
    const rule = JSON.parse(
      '{"id":"a","severity":"low","when":"event.x > 1","constructor":1,"__proto__":{}}',
    ) as unknown;
    expect(summary(errorsOf(rulesOf(rule)))).toEqual([
      "rules[0].__proto__ unknown-key",
      "rules[0].constructor unknown-key",
    ]);
  });
});

describe("a compiled rule", () => {
  it("has the defaults of the table", () => {
    const [rule] = accepted(rulesOf(MINIMAL)).rules;
    expect(rule).toMatchObject({
      id: "a",
      name: "a",
      enabled: true,
      dedupKey: [],
      dedupSource: "[]",
      labels: {},
      runbook: undefined,
      autoResolve: true,
      reopenWithinMs: 900_000,
      manualResolveGraceMs: 900_000,
      escalateAfter: [],
      flap: { changes: 6, withinMs: 1_800_000, quietMs: 900_000 },
      mute: [],
      levels: [
        {
          severity: "low",
          forMs: 0,
          count: 1,
          withinMs: undefined,
          recover: undefined,
          recoverForMs: 0,
          absentMs: undefined,
          rate: undefined,
        },
      ],
    });
    expect(
      rule?.levels[0]?.reason.render({ event: {}, deviceId: "d", lastSeenMs: Number.NaN, previous: undefined }, "low"),
    ).toBe("a");
  });

  it("has its levels from the highest severity down, each with what it takes from the rule", () => {
    const rule = {
      id: "a",
      when: "event.x > 1",
      for: "1m",
      recoverFor: "2m",
      levels: [{ severity: "low" }, { severity: "critical", for: "0s", count: { events: 2, within: "1h" } }],
    };
    expect(accepted(rulesOf(rule)).rules[0]?.levels).toMatchObject([
      { severity: "critical", forMs: 0, count: 2, withinMs: 3_600_000, recoverForMs: 120_000 },
      { severity: "low", forMs: 60_000, count: 1, withinMs: undefined, recoverForMs: 120_000 },
    ]);
  });

  it("has policies in plain units", () => {
    const mute = [
      { days: ["sun", "mon"], from: "22:00", to: "06:30", timeZone: "Europe/Berlin" },
      { from: "00:00", to: "00:00" },
    ];
    const [rule] = accepted(
      rulesOf({
        ...MINIMAL,
        mute,
        flap: false,
        escalateAfter: [
          { after: "1h", severity: "critical" },
          { after: "10m", severity: "high" },
        ],
      }),
    ).rules;
    expect(rule?.mute).toEqual([
      { days: [0, 6], fromMinute: 1320, toMinute: 390, timeZone: "Europe/Berlin" },
      { days: [0, 1, 2, 3, 4, 5, 6], fromMinute: 0, toMinute: 0, timeZone: "UTC" },
    ]);
    expect(rule?.flap).toBeUndefined();
    expect(rule?.escalateAfter).toEqual([
      { afterMs: 600_000, severity: "high" },
      { afterMs: 3_600_000, severity: "critical" },
    ]);
  });

  it("reads previous only if an enabled one does", () => {
    const rule = { ...MINIMAL, labels: { before: "{previous.x}" } };
    expect(accepted(rulesOf(rule)).usesPrevious).toBe(true);
    expect(accepted(rulesOf({ ...rule, enabled: false })).usesPrevious).toBe(false);
    expect(accepted(rulesOf(MINIMAL)).usesPrevious).toBe(false);
  });

  it("keeps a label named as no other object's", () => {
    const rule = JSON.parse('{"id":"a","severity":"low","when":"event.x > 1","labels":{"__proto__":"x"}}') as unknown;
    expect(Object.keys(accepted(rulesOf(rule)).rules[0]?.labels ?? {})).toEqual(["__proto__"]);
  });
});

describe("identities", () => {
  function ruleOf(rule: Record<string, unknown>) {
    const [compiled] = accepted(rulesOf({ ...MINIMAL, ...rule })).rules;
    if (compiled === undefined) throw new Error("no rule");
    return compiled;
  }

  it("the hash of a set is that of its canonical JSON", () => {
    const { hash, source } = accepted(rulesOf(MINIMAL));
    expect(hash).toBe(createHash("sha256").update(canonicalJson(source)).digest("hex"));
  });

  it("detection is the same whether a default or a duration is written so or so", () => {
    const plain = ruleOf({}).detectionSource;
    expect(ruleOf({ for: "0s", count: 1, recoverFor: "0s" }).detectionSource).toBe(plain);
    expect(ruleOf({ for: "5m" }).detectionSource).toBe(ruleOf({ for: "300s" }).detectionSource);
    expect(ruleOf({ severity: undefined, levels: [{ severity: "low" }] }).detectionSource).toBe(plain);
    expect(ruleOf({ rate: { of: "event.x", above: 1 } }).detectionSource).toBe(
      ruleOf({ rate: { of: "event.x", above: 1, per: "60s", minInterval: "10s" } }).detectionSource,
    );
  });

  it("detection is not changed by texts and policy, the version is", () => {
    const policy = ruleOf({
      name: "b",
      reason: "c",
      labels: { d: "e" },
      reopenWithin: "1m",
      autoResolve: false,
      dedupKey: ["event.p"],
    });
    expect(policy.detectionSource).toBe(ruleOf({}).detectionSource);
    expect(policy.version).not.toBe(ruleOf({}).version);
    expect(policy.dedupSource).not.toBe(ruleOf({}).dedupSource);
  });

  it("detection is changed by each of its keys", () => {
    const sources = [
      {},
      { when: "event.x > 2" },
      { for: "1m" },
      { count: 2 },
      { count: { events: 2, within: "1m" } },
      { recover: "event.x < 0" },
      { recoverFor: "1m" },
      { severity: "high" },
      { rate: { of: "event.x", above: 1 } },
      { rate: { of: "event.y", above: 1 } },
      { rate: { of: "event.x", below: 1 } },
      { absent: "1m" },
    ].map((rule) => ruleOf(rule).detectionSource);
    expect(new Set(sources).size).toBe(sources.length);
  });
});

describe("what this version cannot run", () => {
  it("is named with its path", () => {
    const set = accepted(
      rulesOf(
        MINIMAL,
        {
          ...MINIMAL,
          id: "b",
          flap: { changes: 3 },
          mute: [{ from: "00:00", to: "01:00" }],
          escalateAfter: { after: "1m", severity: "high" },
          manualResolveGrace: "1m",
        },
        { id: "c", levels: [{ severity: "low", absent: "1m" }] },
        { ...MINIMAL, id: "d", rate: { of: "event.x", above: 1 } },
      ),
    );
    expect(unsupportedKeys(set).map(({ path, code }) => `${path} ${code}`)).toEqual([
      "rules[1].flap unsupported",
      "rules[1].mute unsupported",
      "rules[1].escalateAfter unsupported",
      "rules[1].manualResolveGrace unsupported",
      "rules[2].levels[0].absent unsupported",
      "rules[3].rate unsupported",
    ]);
  });

  it("is not the default set, what is switched off, or a disabled rule", () => {
    expect(unsupportedKeys(accepted(parseRuleFile(DEFAULT_RULES)))).toEqual([]);
    expect(
      unsupportedKeys(
        accepted(
          rulesOf(
            { ...MINIMAL, flap: false, mute: [], escalateAfter: [] },
            { id: "b", severity: "low", absent: "1m", enabled: false },
          ),
        ),
      ),
    ).toEqual([]);
  });
});
