// Comparisons, with the two shapes that nearly every rule has (a field of the event against a literal) fused into one closure each.

import type { Expression } from "./cel-ast.ts";
import { equal, known, order } from "./cel-value.ts";
import type { Scope, Severity } from "./model.ts";

/** What only templates see. */
interface Extras {
  readonly severity: Severity;
  readonly rate: number | undefined;
}

/** A compiled expression; `item` is the element of the comprehension around, if any. Undefined = unknown. */
export type Evaluate = (scope: Scope, item: unknown, extras: Extras | undefined) => unknown;

type Compile = (expression: Expression) => Evaluate;
type Comparison = "<" | "<=" | ">" | ">=";

/** `==`, or `!=` when negated. */
export function compileEquality(negated: boolean, left: Expression, right: Expression, compile: Compile): Evaluate {
  const field = eventField(left);
  if (field !== undefined && right.kind === "literal") return fieldEquals(field, right.value, !negated);
  const l = compile(left);
  const r = compile(right);
  return (scope, item, extras) => {
    const a = l(scope, item, extras);
    const b = r(scope, item, extras);
    const same = a === undefined || b === undefined ? undefined : equal(a, b);
    return same === undefined ? undefined : same !== negated;
  };
}

/** Order of numbers, texts, bools, instants or spans. */
export function compileComparison(
  operator: Comparison,
  left: Expression,
  right: Expression,
  compile: Compile,
): Evaluate {
  const field = eventField(left);
  if (field !== undefined && right.kind === "literal" && typeof right.value === "number")
    return fieldCompares(field, operator, right.value);
  const l = compile(left);
  const r = compile(right);
  return (scope, item, extras) => {
    const sign = order(l(scope, item, extras), r(scope, item, extras));
    if (Number.isNaN(sign)) return undefined;
    if (operator === "<") return sign < 0;
    if (operator === "<=") return sign <= 0;
    return operator === ">" ? sign > 0 : sign >= 0;
  };
}

/** The name in `event.name`, if no object has it by birth: then a plain read sees own fields only, and is the fastest. */
function eventField(expression: Expression): string | undefined {
  if (expression.kind !== "select" || expression.target.kind !== "name" || expression.target.name !== "event")
    return undefined;
  return expression.field in Object.prototype ? undefined : expression.field;
}

function fieldEquals(field: string, literal: null | boolean | number | string, same: boolean): Evaluate {
  return (scope: Scope) => {
    const value = scope.event[field];
    if (value === literal) return same;
    return known(value) === undefined ? undefined : !same;
  };
}

function fieldCompares(field: string, operator: Comparison, literal: number): Evaluate {
  switch (operator) {
    case "<":
      return (scope) => {
        const value = scope.event[field];
        return typeof value === "number" && Number.isFinite(value) ? value < literal : undefined;
      };
    case "<=":
      return (scope) => {
        const value = scope.event[field];
        return typeof value === "number" && Number.isFinite(value) ? value <= literal : undefined;
      };
    case ">":
      return (scope) => {
        const value = scope.event[field];
        return typeof value === "number" && Number.isFinite(value) ? value > literal : undefined;
      };
    case ">=":
      return (scope) => {
        const value = scope.event[field];
        return typeof value === "number" && Number.isFinite(value) ? value >= literal : undefined;
      };
  }
}
