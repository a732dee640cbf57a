// Turns a checked tree into closures. They never throw and allocate nothing but time values and non-literal lists; undefined is unknown (E3).

import { RE2JS } from "re2js";
import { type BinaryOperator, codePoints, type Expression, ExpressionError, LIMITS } from "./cel-ast.ts";
import { compileComparison, compileEquality, type Evaluate } from "./cel-compare.ts";
import {
  elementOf,
  equal,
  fieldOf,
  Instant,
  instantOf,
  isMap,
  known,
  Span,
  sizeOf,
  spanOf,
  toInstant,
  toSpan,
} from "./cel-value.ts";

/** Closures for a tree that passed `analyse`. Throws ExpressionError for a pattern that is not RE2. */
export function compile(expression: Expression): Evaluate {
  switch (expression.kind) {
    case "literal": {
      const { value } = expression;
      return () => value;
    }
    case "name":
      return compileName(expression.name);
    case "select":
      return compileSelect(expression.target, expression.field);
    case "index": {
      const target = compile(expression.target);
      const index = compile(expression.index);
      return (scope, item, extras) => elementOf(target(scope, item, extras), index(scope, item, extras));
    }
    case "has":
      return compileHas(expression.target, expression.field);
    case "list":
      return compileList(expression.items);
    case "not":
      return compileNot(compile(expression.operand));
    case "negate":
      return compileNegate(compile(expression.operand));
    case "chain":
      return compileChain(expression.operator === "||", expression.operands.map(compile));
    case "binary":
      return compileBinary(expression.operator, expression.left, expression.right);
    case "conditional":
      return compileConditional(compile(expression.test), compile(expression.yes), compile(expression.no));
    case "call":
      return compileCall(expression);
    case "comprehension":
      return compileComprehension(
        expression.quantifier === "exists",
        compile(expression.target),
        compile(expression.body),
      );
  }
}

function compileName(name: string): Evaluate {
  switch (name) {
    case "event":
      return (scope) => scope.event;
    case "previous":
      return (scope) => scope.previous;
    case "severity":
      return (_scope, item, extras) => (extras === undefined ? known(item) : extras.severity);
    case "rate":
      return (_scope, item, extras) => (extras === undefined ? known(item) : known(extras.rate));
    default:
      return (_scope, item) => known(item);
  }
}

function compileSelect(target: Expression, field: string): Evaluate {
  if (target.kind === "name" && target.name === "device") {
    if (field === "id") return (scope) => scope.deviceId;
    return (scope) => (Number.isNaN(scope.lastSeenMs) ? undefined : instantOf(scope.lastSeenMs));
  }
  const inner = compile(target);
  return (scope, item, extras) => fieldOf(inner(scope, item, extras), field);
}

/** False also when what should hold the field is missing (E2). */
function compileHas(target: Expression, field: string): Evaluate {
  if (target.kind === "name" && target.name === "device") {
    return field === "id" ? () => true : (scope) => !Number.isNaN(scope.lastSeenMs);
  }
  const inner = compile(target);
  return (scope, item, extras) => {
    const holder = inner(scope, item, extras);
    return isMap(holder) && Object.hasOwn(holder, field);
  };
}

function compileList(items: readonly Expression[]): Evaluate {
  const constant = literals(items);
  if (constant !== undefined) return () => constant;
  const compiled = items.map(compile);
  return (scope, item, extras) => {
    const list: unknown[] = [];
    for (const evaluate of compiled) {
      const value = evaluate(scope, item, extras);
      if (value === undefined) return undefined;
      list.push(value);
    }
    return list;
  };
}

function literals(items: readonly Expression[]): unknown[] | undefined {
  const values: unknown[] = [];
  for (const item of items) {
    if (item.kind !== "literal") return undefined;
    values.push(item.value);
  }
  return values;
}

function compileNot(operand: Evaluate): Evaluate {
  return (scope, item, extras) => {
    const value = operand(scope, item, extras);
    return value === true ? false : value === false ? true : undefined;
  };
}

function compileNegate(operand: Evaluate): Evaluate {
  return (scope, item, extras) => {
    const value = operand(scope, item, extras);
    return typeof value === "number" ? -value : undefined;
  };
}

/** `decisive` = true for `||`: one operand that is decisive decides, on whatever side an unknown stands. */
function compileChain(decisive: boolean, operands: readonly Evaluate[]): Evaluate {
  return (scope, item, extras) => {
    let result: boolean | undefined = !decisive;
    for (const operand of operands) {
      const value = operand(scope, item, extras);
      if (value === decisive) return decisive;
      if (value !== !decisive) result = undefined;
    }
    return result;
  };
}

function compileConditional(test: Evaluate, yes: Evaluate, no: Evaluate): Evaluate {
  return (scope, item, extras) => {
    const answer = test(scope, item, extras);
    if (answer === true) return yes(scope, item, extras);
    return answer === false ? no(scope, item, extras) : undefined;
  };
}

function compileBinary(operator: BinaryOperator, left: Expression, right: Expression): Evaluate {
  switch (operator) {
    case "==":
    case "!=":
      return compileEquality(operator === "!=", left, right, compile);
    case "<":
    case "<=":
    case ">":
    case ">=":
      return compileComparison(operator, left, right, compile);
    case "in":
      return compileIn(compile(left), right);
    default: {
      const l = compile(left);
      const r = compile(right);
      const calculate = { "+": add, "-": subtract, "*": multiply, "/": divide }[operator];
      return (scope, item, extras) => calculate(l(scope, item, extras), r(scope, item, extras));
    }
  }
}

function compileIn(left: Evaluate, right: Expression): Evaluate {
  const constant = right.kind === "list" ? literals(right.items) : undefined;
  if (constant !== undefined) {
    const set = new Set(constant);
    return (scope, item, extras) => {
      const value = left(scope, item, extras);
      return value === undefined ? undefined : set.has(value);
    };
  }
  const container = compile(right);
  return (scope, item, extras) => isIn(left(scope, item, extras), container(scope, item, extras));
}

function isIn(value: unknown, container: unknown): boolean | undefined {
  if (value === undefined) return undefined;
  if (isMap(container)) return typeof value === "string" && Object.hasOwn(container, value);
  if (!Array.isArray(container)) return undefined;
  let result: boolean | undefined = false;
  for (const element of container) {
    const same = equal(value, element);
    if (same === true) return true;
    if (same === undefined) result = undefined;
  }
  return result;
}

function add(a: unknown, b: unknown): unknown {
  if (typeof a === "number" && typeof b === "number") return known(a + b);
  if (typeof a === "string" && typeof b === "string") return a + b;
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  if (a instanceof Instant && b instanceof Span) return instantOf(a.ms + b.ms);
  if (a instanceof Span && b instanceof Instant) return instantOf(a.ms + b.ms);
  return a instanceof Span && b instanceof Span ? spanOf(a.ms + b.ms) : undefined;
}

function subtract(a: unknown, b: unknown): unknown {
  if (typeof a === "number" && typeof b === "number") return known(a - b);
  if (a instanceof Instant && b instanceof Instant) return spanOf(a.ms - b.ms);
  if (a instanceof Instant && b instanceof Span) return instantOf(a.ms - b.ms);
  return a instanceof Span && b instanceof Span ? spanOf(a.ms - b.ms) : undefined;
}

function multiply(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? known(a * b) : undefined;
}

function divide(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? known(a / b) : undefined;
}

function compileCall(call: Expression & { kind: "call" }): Evaluate {
  const [first, second] = call.args;
  if (first === undefined) throw new ExpressionError("bad-expression", `${call.name}() lacks its argument`);
  const subject = compile(first);
  if (call.name === "size") return (scope, item, extras) => sizeOf(subject(scope, item, extras));
  if (call.name === "timestamp" || call.name === "duration") {
    const convert = call.name === "timestamp" ? toInstant : toSpan;
    if (first.kind !== "literal") return (scope, item, extras) => convert(subject(scope, item, extras));
    const constant = convert(first.value);
    return () => constant;
  }
  if (second === undefined) throw new ExpressionError("bad-expression", `${call.name}() lacks its argument`);
  if (call.name === "matches") return compileMatches(subject, second);
  const argument = compile(second);
  const test = { startsWith, endsWith, contains }[call.name];
  return (scope, item, extras) => {
    const text = subject(scope, item, extras);
    const part = argument(scope, item, extras);
    return typeof text === "string" && typeof part === "string" ? test(text, part) : undefined;
  };
}

function startsWith(text: string, part: string): boolean {
  return text.startsWith(part);
}

function endsWith(text: string, part: string): boolean {
  return text.endsWith(part);
}

function contains(text: string, part: string): boolean {
  return text.includes(part);
}

/** RE2: time linear in the subject, whatever the pattern (M2). */
function compileMatches(subject: Evaluate, pattern: Expression): Evaluate {
  const source = pattern.kind === "literal" ? String(pattern.value) : "";
  const regex = compilePattern(source);
  return (scope, item, extras) => {
    const text = subject(scope, item, extras);
    if (typeof text !== "string" || text.length > 2 * LIMITS.matchesSubjectCharacters) return undefined;
    if (text.length > LIMITS.matchesSubjectCharacters && codePoints(text) > LIMITS.matchesSubjectCharacters)
      return undefined;
    return regex.matcher(text).find();
  };
}

function compilePattern(source: string): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ExpressionError("bad-expression", `${JSON.stringify(source)} is not an RE2 pattern: ${why}`);
  }
}

/** Over the elements of a list or the keys of a map, at most 100 (M2). */
function compileComprehension(decisive: boolean, target: Evaluate, body: Evaluate): Evaluate {
  return (scope, item, extras) => {
    const value = target(scope, item, extras);
    const elements = Array.isArray(value) ? value : isMap(value) ? Object.keys(value) : undefined;
    if (elements === undefined || elements.length > LIMITS.comprehensionItems) return undefined;
    let result: boolean | undefined = !decisive;
    for (const element of elements) {
      const answer = body(scope, element, extras);
      if (answer === decisive) return decisive;
      if (answer !== !decisive) result = undefined;
    }
    return result;
  };
}
