// What an expression is once it is read: the tree, its limits (M1, M2) and the error of one that is refused. No evaluation here.

import { AlertCastError } from "../errors.ts";

export type BinaryOperator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "+" | "-" | "*" | "/";

/** Functions of the subset (E1); a receiver is the first argument. */
export type FunctionName = "size" | "startsWith" | "endsWith" | "contains" | "matches" | "timestamp" | "duration";

/** Chains of `&&` and `||` are flat, so that their length is not their depth. */
export type Expression =
  | { readonly kind: "literal"; readonly value: null | boolean | number | string }
  | { readonly kind: "name"; readonly name: string; readonly at: number }
  | { readonly kind: "select"; readonly target: Expression; readonly field: string }
  | { readonly kind: "index"; readonly target: Expression; readonly index: Expression }
  | { readonly kind: "has"; readonly target: Expression; readonly field: string }
  | { readonly kind: "list"; readonly items: readonly Expression[] }
  | { readonly kind: "not" | "negate"; readonly operand: Expression }
  | { readonly kind: "chain"; readonly operator: "&&" | "||"; readonly operands: readonly Expression[] }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "conditional"; readonly test: Expression; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: "call"; readonly name: FunctionName; readonly args: readonly Expression[]; readonly at: number }
  | {
      readonly kind: "comprehension";
      readonly quantifier: "all" | "exists";
      readonly target: Expression;
      readonly variable: string;
      readonly body: Expression;
      readonly at: number;
    };

/** M1 to M3. Characters are code points. */
export const LIMITS = {
  expressionCharacters: 1024,
  nodes: 128,
  depth: 16,
  stringLiteralCharacters: 256,
  listLiteralItems: 64,
  /** Brackets within brackets while parsing; they are no nodes, but they are recursion. */
  brackets: 64,
  comprehensionItems: 100,
  matchesSubjectCharacters: 4096,
  stringFunctionCost: 50,
} as const;

/** Why an expression or a template is refused; `message` says where. */
export class ExpressionError extends AlertCastError {
  readonly reason: "bad-expression" | "limit";

  constructor(reason: "bad-expression" | "limit", message: string) {
    super("invalid", message);
    this.name = "ExpressionError";
    this.reason = reason;
  }
}

/** A `bad-expression` at a character (from 0) of the text. */
export function badExpression(message: string, at: number): ExpressionError {
  return new ExpressionError("bad-expression", `${message} (character ${at + 1})`);
}

/** Length of text in code points. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(i + 1);
    if (next >= 0xdc00 && next <= 0xdfff) {
      count--;
      i++;
    }
  }
  return count;
}
