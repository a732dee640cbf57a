// Text with {CEL} in it (R1): reason and labels. Rendering never throws, and what it gives PostgreSQL can store as text.

import { badExpression } from "./cel-ast.ts";
import type { Evaluate } from "./cel-compare.ts";
import { parseTokens } from "./cel-parse.ts";
import { tokenize } from "./cel-token.ts";
import { formatInstant, Instant, Span, toJson } from "./cel-value.ts";
import { type Compiled, compileParsed } from "./expression.ts";
import type { Template } from "./model.ts";

/** Code points of a rendered text, the `…` of a cut one included. */
const TEXT_LIMIT = 500;

/**
 * Compiles a template. `{{` is a brace; `{...}` an expression that may also read `severity` and `rate`.
 * Throws ExpressionError.
 */
export function compileTemplate(text: string): Compiled<Template> {
  const pieces: (string | Evaluate)[] = [];
  let cost = 0;
  let usesPrevious = false;
  let at = 0;
  while (at < text.length) {
    const brace = text.indexOf("{", at);
    pieces.push(text.slice(at, brace === -1 ? undefined : brace));
    if (brace === -1) break;
    if (text[brace + 1] === "{") {
      pieces.push("{");
      at = brace + 2;
      continue;
    }
    const { tokens, end } = tokenize(text, brace + 1, true);
    if (text[end] !== "}") throw badExpression("a { has no } (write {{ for a brace)", brace);
    const compiled = compileParsed(parseTokens(tokens), ["severity", "rate"]);
    pieces.push(compiled.value);
    cost += compiled.cost;
    usesPrevious ||= compiled.usesPrevious;
    at = end + 1;
  }
  return { value: templateOf(pieces), cost, usesPrevious };
}

/** A template that is this text, braces and all. */
export function plainTemplate(text: string): Template {
  const constant = storableText(text);
  return { render: () => constant };
}

function templateOf(pieces: readonly (string | Evaluate)[]): Template {
  return {
    render: (scope, severity, rate) => {
      const extras = { severity, rate };
      let text = "";
      for (const piece of pieces) text += typeof piece === "string" ? piece : print(piece(scope, undefined, extras));
      return storableText(text);
    },
  };
}

function print(value: unknown): string {
  if (value === undefined) return "?";
  if (typeof value === "string") return value;
  if (value instanceof Instant) return formatInstant(value.ms);
  if (value instanceof Span) return value.toJSON();
  return JSON.stringify(toJson(value));
}

/** Well-formed, without NUL (PostgreSQL cannot store it), at most 500 code points. */
function storableText(text: string): string {
  // A code point has at most two units, so nothing behind these can be shown.
  const head = text
    .slice(0, 2 * (TEXT_LIMIT + 1))
    .toWellFormed()
    .replaceAll("\0", "\ufffd");
  if (head.length <= TEXT_LIMIT) return head;
  const points = Array.from(head);
  return points.length <= TEXT_LIMIT ? head : `${points.slice(0, TEXT_LIMIT - 1).join("")}…`;
}
