// Which fields of the event an expression looks at, so that only those have to be read from a healthy event's bytes.
import type { Expression } from "./cel-ast.ts";

/**
 * The top-level fields of `event` that the expression reads; undefined when it may look at more than single fields of
 * the event (the event as a whole, `device`, `previous`).
 */
export function fieldsRead(expression: Expression): readonly string[] | undefined {
  const fields = new Set<string>();
  return collect(expression, fields) ? [...fields] : undefined;
}

function isEvent(expression: Expression): boolean {
  return expression.kind === "name" && expression.name === "event";
}

/** False when something other than single fields is read. */
function collect(expression: Expression, fields: Set<string>): boolean {
  switch (expression.kind) {
    case "literal":
      return true;
    case "name":
      return !["event", "device", "previous"].includes(expression.name);
    case "select":
    case "has":
      if (!isEvent(expression.target)) return collect(expression.target, fields);
      fields.add(expression.field);
      return true;
    case "index": {
      const { target, index } = expression;
      if (!isEvent(target)) return collect(target, fields) && collect(index, fields);
      if (index.kind !== "literal" || typeof index.value !== "string") return false;
      fields.add(index.value);
      return true;
    }
    default:
      return childrenOf(expression).every((child) => collect(child, fields));
  }
}

function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "list":
      return expression.items;
    case "not":
    case "negate":
      return [expression.operand];
    case "chain":
      return expression.operands;
    case "binary":
      return [expression.left, expression.right];
    case "conditional":
      return [expression.test, expression.yes, expression.no];
    case "call":
      return expression.args;
    case "comprehension":
      return [expression.target, expression.body];
    default:
      return [];
  }
}
