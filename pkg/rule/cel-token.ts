// Cuts the text of an expression into tokens, as the CEL specification spells them. Knows no grammar.

import { badExpression, codePoints, ExpressionError, LIMITS } from "./cel-ast.ts";

export type Token =
  | { readonly kind: "name" | "symbol"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly value: number; readonly at: number }
  | { readonly kind: "string"; readonly value: string; readonly at: number }
  | { readonly kind: "end"; readonly at: number };

const SPACE = /(?:[ \t\n\f\r]|\/\/[^\n]*)+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const HEX = /0[xX][0-9A-Fa-f]+/y;
const NUMBER = /(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const STRING_START = /([A-Za-z]{0,2})("""|'''|"|')/y;
const SYMBOL = /&&|\|\||[=!<>]=|[-<>!+*/%?:.,()[\]{}]/y;
const HEX_ESCAPE_DIGITS: Readonly<Record<string, number>> = { x: 2, X: 2, u: 4, U: 8 };
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "?": "?",
  '"': '"',
  "'": "'",
  "`": "`",
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/**
 * Tokens of `text` from `from` on. With `untilBrace` the reading stops before the first `}` outside of a string.
 * `end` is the index of the first character that was not read. Throws ExpressionError.
 */
export function tokenize(text: string, from = 0, untilBrace = false): { tokens: Token[]; end: number } {
  const tokens: Token[] = [];
  let at = from;
  for (;;) {
    at += match(SPACE, text, at)?.[0].length ?? 0;
    if (at >= text.length || (untilBrace && text[at] === "}")) break;
    at = readToken(text, at, tokens);
  }
  tokens.push({ kind: "end", at });
  return { tokens, end: at };
}

function readToken(text: string, at: number, tokens: Token[]): number {
  const opening = match(STRING_START, text, at);
  if (opening !== undefined) return readString(text, at, opening, tokens);
  const name = match(NAME, text, at)?.[0];
  if (name !== undefined) {
    tokens.push({ kind: "name", text: name, at });
    return at + name.length;
  }
  const number = (match(HEX, text, at) ?? match(NUMBER, text, at))?.[0];
  if (number !== undefined) return readNumber(text, at, number, tokens);
  const symbol = match(SYMBOL, text, at)?.[0];
  if (symbol === undefined) {
    throw badExpression(`unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))}`, at);
  }
  tokens.push({ kind: "symbol", text: symbol, at });
  return at + symbol.length;
}

function readNumber(text: string, at: number, digits: string, tokens: Token[]): number {
  const end = at + digits.length;
  if (match(NAME, text, end) !== undefined) throw badExpression("a number must not be followed by a letter", end);
  const value = Number(digits);
  if (!Number.isFinite(value)) throw badExpression(`${digits} is not a finite number`, at);
  tokens.push({ kind: "number", value, at });
  return end;
}

function readString(text: string, at: number, opening: RegExpExecArray, tokens: Token[]): number {
  const prefix = opening[1] ?? "";
  const quote = opening[2] ?? '"';
  if (prefix !== "" && prefix !== "r" && prefix !== "R")
    throw badExpression(`strings with the prefix ${prefix} are not in the language`, at);
  let value = "";
  let i = at + opening[0].length;
  while (!text.startsWith(quote, i)) {
    const unit = text[i];
    if (unit === undefined) throw badExpression("a string is not closed", at);
    if (quote.length === 1 && (unit === "\n" || unit === "\r"))
      throw badExpression("a string is not closed on its line", at);
    if (unit === "\\" && prefix === "") {
      const sequence = readEscape(text, i);
      value += sequence.value;
      i = sequence.end;
    } else {
      value += unit;
      i++;
    }
  }
  if (codePoints(value) > LIMITS.stringLiteralCharacters) {
    throw new ExpressionError("limit", `a string literal has more than ${LIMITS.stringLiteralCharacters} characters`);
  }
  tokens.push({ kind: "string", value, at });
  return i + quote.length;
}

/** The escape sequence whose backslash is at `at`. */
function readEscape(text: string, at: number): { value: string; end: number } {
  const letter = text[at + 1] ?? "";
  const simple = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
  if (simple !== undefined) return { value: simple, end: at + 2 };
  const octal = /^[0-3][0-7]{2}/.exec(text.slice(at + 1, at + 4))?.[0];
  if (octal !== undefined) return { value: String.fromCodePoint(Number.parseInt(octal, 8)), end: at + 4 };
  const digits = Object.hasOwn(HEX_ESCAPE_DIGITS, letter) ? HEX_ESCAPE_DIGITS[letter] : undefined;
  const hex = digits === undefined ? "" : text.slice(at + 2, at + 2 + digits);
  const code = /^[0-9A-Fa-f]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : Number.NaN;
  if (!(code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff)) throw badExpression(`unknown escape \\${letter}`, at);
  return { value: String.fromCodePoint(code), end: at + 2 + hex.length };
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
