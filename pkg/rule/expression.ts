// Text to compiled expression, in three uses: conditions, values, and pieces of templates. Parsing may fail; evaluation never throws.

import { type Expression, ExpressionError } from "./cel-ast.ts";
import { type Analysis, analyse, type ExtraName, readPath, TYPE } from "./cel-check.ts";
import type { Evaluate } from "./cel-compare.ts";
import { compile } from "./cel-compile.ts";
import { parseExpression } from "./cel-parse.ts";
import { fieldsRead } from "./cel-reads.ts";
import { toJson } from "./cel-value.ts";
import type { Condition, Scope, ValueExpression } from "./model.ts";

/** A compiled thing, with what its set has to know of it. */
export interface Compiled<T> {
  readonly value: T;
  /** M3. */
  readonly cost: number;
  readonly usesPrevious: boolean;
}

const TYPE_NAMES: readonly (readonly [number, string])[] = [
  [TYPE.bool, "a condition"],
  [TYPE.number, "a number"],
  [TYPE.text, "text"],
  [TYPE.list, "a list"],
  [TYPE.nil, "null"],
  [TYPE.map, "an object"],
  [TYPE.instant, "a timestamp"],
  [TYPE.span, "a duration"],
];

/** Compiles a condition. Throws ExpressionError: not in the language, over a limit, or never a bool. */
export function compileCondition(text: string): Compiled<Condition> {
  const expression = parseExpression(text);
  const analysis = analyse(expression);
  requireType(analysis, TYPE.bool, "a condition that is true or false");
  const run = compile(expression);
  return {
    ...costOf(analysis),
    value: {
      evaluate: asBool(run, analysis.types),
      values: (scope) => valuesAt(analysis, scope),
      reads: fieldsRead(expression),
    },
  };
}

/** Compiles an expression for a number (`rate.of`). Throws ExpressionError. */
export function compileNumber(text: string): Compiled<ValueExpression> {
  return compileValue(text, TYPE.number, "a number");
}

/** Compiles a value of a dedup key: text, number or bool. Throws ExpressionError. */
export function compileKey(text: string): Compiled<ValueExpression> {
  return compileValue(text, TYPE.text | TYPE.number | TYPE.bool, "text, a number or a bool");
}

/** Compiles an expression that was parsed elsewhere, with further names. Throws ExpressionError. */
export function compileParsed(expression: Expression, extras: readonly ExtraName[]): Compiled<Evaluate> {
  const analysis = analyse(expression, extras);
  return { ...costOf(analysis), value: compile(expression) };
}

function compileValue(text: string, types: number, wanted: string): Compiled<ValueExpression> {
  const expression = parseExpression(text);
  const analysis = analyse(expression);
  requireType(analysis, types, wanted);
  const run = compile(expression);
  return { ...costOf(analysis), value: { evaluate: (scope) => toJson(run(scope, undefined, undefined)) } };
}

function costOf(analysis: Analysis): { cost: number; usesPrevious: boolean } {
  return { cost: analysis.cost, usesPrevious: analysis.usesPrevious };
}

function requireType(analysis: Analysis, types: number, wanted: string): void {
  if ((analysis.types & types) !== 0) return;
  const found = TYPE_NAMES.filter(([bit]) => (analysis.types & bit) !== 0).map(([, name]) => name);
  throw new ExpressionError(
    "bad-expression",
    `needs ${wanted}, but this is ${found.length === 0 ? "always an error" : found.join(" or ")}`,
  );
}

function asBool(run: Evaluate, types: number): Condition["evaluate"] {
  // An expression of bool type gives true, false or undefined by itself.
  if (types === TYPE.bool) return run as (scope: Scope) => boolean | undefined;
  return (scope) => {
    const value = run(scope, undefined, undefined);
    return typeof value === "boolean" ? value : undefined;
  };
}

function valuesAt(analysis: Analysis, scope: Scope): Record<string, unknown> {
  const values: [string, unknown][] = [];
  for (const path of analysis.paths) {
    const value = readPath(path, scope);
    if (value !== undefined) values.push([path.text, value]);
  }
  return Object.fromEntries(values);
}
