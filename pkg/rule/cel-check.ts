// What is known of an expression before it runs: possible types, size, cost (M1 to M3), names, paths it reads. Never evaluates.

import { badExpression, type Expression, ExpressionError, LIMITS } from "./cel-ast.ts";
import { elementOf, formatInstant, toJson } from "./cel-value.ts";
import type { Scope } from "./model.ts";

/** Sets of types as bits. */
export const TYPE = {
  bool: 1,
  number: 2,
  text: 4,
  list: 8,
  nil: 16,
  map: 32,
  instant: 64,
  span: 128,
  any: 255,
} as const;

/** A place in the event that an expression reads, such as `event.door` or `event.l[0]`. */
interface Path {
  readonly root: "event" | "previous" | "device";
  readonly steps: readonly (string | number)[];
  /** As it is written in evidence. */
  readonly text: string;
}

export interface Analysis {
  /** The types a result can have, bits of TYPE. */
  readonly types: number;
  /** M3. */
  readonly cost: number;
  readonly usesPrevious: boolean;
  /** Each once, in order of first reading. */
  readonly paths: readonly Path[];
}

/** Names of templates beside `event`, `previous` and `device`. */
export type ExtraName = "severity" | "rate";

const ROOTS: ReadonlySet<string> = new Set(["event", "previous", "device"]);
const STRING_FUNCTIONS: ReadonlySet<string> = new Set(["startsWith", "endsWith", "contains", "matches"]);

/** Checks names and limits. Throws ExpressionError. */
export function analyse(expression: Expression, extras: readonly ExtraName[] = []): Analysis {
  const checker = new Checker(extras);
  const types = checker.visit(expression, 1);
  return { types, cost: checker.cost, usesPrevious: checker.usesPrevious, paths: [...checker.paths.values()] };
}

class Checker {
  readonly #extras: ReadonlySet<string>;
  readonly paths = new Map<string, Path>();
  cost = 0;
  usesPrevious = false;
  #nodes = 0;
  #variable: string | undefined;

  constructor(extras: readonly ExtraName[]) {
    this.#extras = new Set(extras);
  }

  /** Counts the node and its children; the types it can have. */
  visit(expression: Expression, depth: number): number {
    this.#count(1, depth);
    switch (expression.kind) {
      case "literal":
        return literalType(expression.value);
      case "name":
        return this.#name(expression.name, expression.at);
      case "select":
      case "index":
        return this.#access(expression, depth);
      case "has":
        this.#has(expression, depth);
        return TYPE.bool;
      case "list":
        for (const item of expression.items) this.visit(item, depth + 1);
        return TYPE.list;
      case "not":
        this.visit(expression.operand, depth + 1);
        return TYPE.bool;
      case "negate":
        this.visit(expression.operand, depth + 1);
        return TYPE.number;
      case "chain":
        this.#count(expression.operands.length - 2, depth);
        for (const operand of expression.operands) this.visit(operand, depth + 1);
        return TYPE.bool;
      case "binary":
        return this.#binary(expression, depth);
      case "conditional":
        this.visit(expression.test, depth + 1);
        return this.visit(expression.yes, depth + 1) | this.visit(expression.no, depth + 1);
      case "call":
        return this.#call(expression, depth);
      case "comprehension":
        return this.#comprehension(expression, depth);
    }
  }

  #count(nodes: number, depth: number): void {
    this.#nodes += nodes;
    if (this.#nodes > LIMITS.nodes)
      throw new ExpressionError("limit", `an expression has more than ${LIMITS.nodes} nodes`);
    if (depth > LIMITS.depth) throw new ExpressionError("limit", `an expression is nested deeper than ${LIMITS.depth}`);
    this.#spend(nodes);
  }

  #spend(cost: number): void {
    this.cost += this.#variable === undefined ? cost : cost * LIMITS.comprehensionItems;
  }

  #name(name: string, at: number): number {
    if (name === this.#variable) return TYPE.any;
    if (name === "severity" && this.#extras.has(name)) return TYPE.text;
    if (name === "rate" && this.#extras.has(name)) return TYPE.number;
    if (name === "device") throw badExpression("device has only the fields id and last_seen", at);
    if (name !== "event" && name !== "previous")
      throw badExpression(`there is no ${name}; known are event, previous and device`, at);
    this.#read(pathOf(name, []));
    return TYPE.map;
  }

  /** Fields and elements. A path that is fixed from its root on is one reading. */
  #access(expression: Expression & { kind: "select" | "index" }, depth: number): number {
    const path = this.#fixedPath(expression);
    if (path === undefined) {
      this.visit(expression.target, depth + 1);
      if (expression.kind === "index") this.visit(expression.index, depth + 1);
      return TYPE.any;
    }
    this.#count(countNodes(expression) - 1, depth + path.steps.length);
    this.#read(path);
    return path.root === "device" ? deviceType(path) : TYPE.any;
  }

  #has(expression: Expression & { kind: "has" }, depth: number): void {
    const select = { kind: "select", target: expression.target, field: expression.field } as const;
    this.#access(select, depth + 1);
    this.#count(1, depth + 1);
  }

  #binary(expression: Expression & { kind: "binary" }, depth: number): number {
    const { operator, left, right } = expression;
    const isKeyTest = operator === "in" && left.kind === "literal" && typeof left.value === "string";
    if (
      isKeyTest &&
      right.kind === "name" &&
      (right.name === "event" || right.name === "previous") &&
      right.name !== this.#variable
    ) {
      this.#count(2, depth + 1);
      this.#read(pathOf(right.name, [String(left.value)]));
      return TYPE.bool;
    }
    const l = this.visit(left, depth + 1);
    const r = this.visit(right, depth + 1);
    if (operator === "*" || operator === "/") return TYPE.number;
    if (operator !== "+" && operator !== "-") return TYPE.bool;
    const alike =
      l & r & (operator === "+" ? TYPE.number | TYPE.text | TYPE.list | TYPE.span : TYPE.number | TYPE.span);
    const instants =
      operator === "+"
        ? (l & TYPE.instant && r & TYPE.span) || (l & TYPE.span && r & TYPE.instant)
          ? TYPE.instant
          : 0
        : l & TYPE.instant;
    return alike | instants | (operator === "-" && l & r & TYPE.instant ? TYPE.span : 0);
  }

  #call(expression: Expression & { kind: "call" }, depth: number): number {
    for (const arg of expression.args) this.visit(arg, depth + 1);
    if (STRING_FUNCTIONS.has(expression.name)) this.#spend(LIMITS.stringFunctionCost);
    const pattern = expression.args[1];
    if (expression.name === "matches" && (pattern?.kind !== "literal" || typeof pattern.value !== "string")) {
      throw badExpression("matches() takes a string literal", expression.at);
    }
    if (expression.name === "size") return TYPE.number;
    if (expression.name === "timestamp") return TYPE.instant;
    return expression.name === "duration" ? TYPE.span : TYPE.bool;
  }

  #comprehension(expression: Expression & { kind: "comprehension" }, depth: number): number {
    const { variable, at } = expression;
    if (this.#variable !== undefined) throw new ExpressionError("limit", "all() and exists() must not be nested");
    if (ROOTS.has(variable) || this.#extras.has(variable))
      throw badExpression(`${variable} is taken; name the element otherwise`, at);
    this.visit(expression.target, depth + 1);
    this.#variable = variable;
    this.visit(expression.body, depth + 1);
    this.#variable = undefined;
    return TYPE.bool;
  }

  /** The path of a chain of fields and literal elements from event, previous or device; undefined for any other. */
  #fixedPath(expression: Expression): Path | undefined {
    const steps: (string | number)[] = [];
    let at = expression;
    while (at.kind === "select" || at.kind === "index") {
      const step = at.kind === "select" ? at.field : at.index.kind === "literal" ? at.index.value : undefined;
      if (typeof step !== "string" && typeof step !== "number") return undefined;
      steps.unshift(step);
      at = at.target;
    }
    if (at.kind !== "name" || at.name === this.#variable) return undefined;
    if (at.name !== "event" && at.name !== "previous" && at.name !== "device") return undefined;
    if (
      at.name === "device" &&
      (expression.kind !== "select" || steps.length !== 1 || (steps[0] !== "id" && steps[0] !== "last_seen"))
    ) {
      throw badExpression("device has only the fields id and last_seen", at.at);
    }
    return pathOf(at.name, steps);
  }

  #read(path: Path): void {
    if (path.root === "previous") this.usesPrevious = true;
    if (!this.paths.has(path.text)) this.paths.set(path.text, path);
  }
}

function literalType(value: null | boolean | number | string): number {
  if (value === null) return TYPE.nil;
  if (typeof value === "boolean") return TYPE.bool;
  return typeof value === "number" ? TYPE.number : TYPE.text;
}

function deviceType(path: Path): number {
  return path.steps[0] === "id" ? TYPE.text : TYPE.instant;
}

function countNodes(expression: Expression): number {
  if (expression.kind === "select") return 1 + countNodes(expression.target);
  if (expression.kind === "index") return 2 + countNodes(expression.target);
  return 1;
}

function pathOf(root: Path["root"], steps: readonly (string | number)[]): Path {
  const suffix = steps.map((step) =>
    typeof step === "string" && /^[A-Za-z_]\w*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`,
  );
  return { root, steps, text: root + suffix.join("") };
}

/** What stands at the path, as plain JSON data; undefined when it is missing. */
export function readPath(path: Path, scope: Scope): unknown {
  if (path.root === "device") {
    if (path.steps[0] === "id") return scope.deviceId;
    return Number.isNaN(scope.lastSeenMs) ? undefined : formatInstant(scope.lastSeenMs);
  }
  let value: unknown = path.root === "event" ? scope.event : scope.previous;
  for (const step of path.steps) value = elementOf(value, step);
  return toJson(value);
}
