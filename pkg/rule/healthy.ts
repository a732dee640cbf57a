// Decides which rule sets have a short way for healthy events: those whose conditions look at a few fields of the event
// alone. An event read from its bytes (PlainReader) for which all conditions are false then changes no alarm.
import { PlainReader } from "../event/plain.ts";
import type { Condition, RuleSet } from "./model.ts";

/** More fields than this are not worth a short way. */
const MAX_FIELDS = 20;

export interface HealthyTest {
  /** Reads the fields that the conditions look at. */
  readonly reader: PlainReader;
  /** All of them must be false. */
  readonly conditions: readonly Condition[];
}

/** Undefined when more than conditions over single fields decides. */
export function healthyTest(ruleSet: RuleSet): HealthyTest | undefined {
  const conditions = conditionsOf(ruleSet);
  const fields = conditions === undefined ? undefined : fieldsOf(conditions);
  if (conditions === undefined || fields === undefined) return undefined;
  return { reader: new PlainReader(fields), conditions };
}

function conditionsOf(ruleSet: RuleSet): readonly Condition[] | undefined {
  if (ruleSet.usesPrevious) return undefined;
  const conditions: Condition[] = [];
  for (const rule of ruleSet.rules) {
    if (!rule.enabled) continue;
    if (rule.dedupKey.length > 0) return undefined;
    for (const level of rule.levels) {
      if (level.when === undefined || level.rate !== undefined || level.absentMs !== undefined) return undefined;
      conditions.push(level.when);
    }
  }
  return conditions;
}

function fieldsOf(conditions: readonly Condition[]): readonly string[] | undefined {
  const fields = new Set<string>();
  for (const { reads } of conditions) {
    if (reads === undefined) return undefined;
    for (const field of reads) fields.add(field);
  }
  return fields.size <= MAX_FIELDS ? [...fields] : undefined;
}
