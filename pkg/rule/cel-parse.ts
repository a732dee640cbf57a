// Reads tokens into the tree of an expression: the grammar of CEL, cut down to the subset of E1. Checks syntax, not names or sizes.

import {
  type BinaryOperator,
  badExpression,
  codePoints,
  type Expression,
  ExpressionError,
  type FunctionName,
  LIMITS,
} from "./cel-ast.ts";
import { type Token, tokenize } from "./cel-token.ts";

const GLOBAL_FUNCTIONS: Readonly<Record<string, { name: FunctionName; args: number }>> = {
  size: { name: "size", args: 1 },
  matches: { name: "matches", args: 2 },
  timestamp: { name: "timestamp", args: 1 },
  duration: { name: "duration", args: 1 },
};
const METHODS: Readonly<Record<string, { name: FunctionName; args: number }>> = {
  size: { name: "size", args: 0 },
  startsWith: { name: "startsWith", args: 1 },
  endsWith: { name: "endsWith", args: 1 },
  contains: { name: "contains", args: 1 },
  matches: { name: "matches", args: 1 },
};
const KEYWORDS: ReadonlySet<string> = new Set(["true", "false", "null", "in"]);
const RESERVED: ReadonlySet<string> = new Set(
  "as break const continue else for function if import let loop package namespace return var void while".split(" "),
);
const RELATIONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);
const SUMS: ReadonlySet<string> = new Set(["+", "-"]);
const PRODUCTS: ReadonlySet<string> = new Set(["*", "/"]);

/** The tree of `text`. Throws ExpressionError, and nothing else, whatever the text. */
export function parseExpression(text: string): Expression {
  if (codePoints(text) > LIMITS.expressionCharacters) {
    throw new ExpressionError("limit", `an expression has more than ${LIMITS.expressionCharacters} characters`);
  }
  return parseTokens(tokenize(text).tokens);
}

/** The tree of a whole list of tokens. Throws ExpressionError. */
export function parseTokens(tokens: readonly Token[]): Expression {
  const parser = new Parser(tokens);
  return parser.parse();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #brackets = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Expression {
    const expression = this.#conditional();
    const rest = this.#peek();
    if (rest.kind !== "end") throw badExpression(`unexpected ${describe(rest)}`, rest.at);
    return expression;
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: "end", at: 0 };
  }

  /** Takes the next token if it is this symbol or word. */
  #take(text: string): boolean {
    const token = this.#peek();
    if ((token.kind !== "symbol" && token.kind !== "name") || token.text !== text) return false;
    this.#next++;
    return true;
  }

  #expect(text: string): void {
    const token = this.#peek();
    if (!this.#take(text)) throw badExpression(`expected ${text}, found ${describe(token)}`, token.at);
  }

  #expectName(): string {
    const token = this.#peek();
    if (token.kind !== "name" || KEYWORDS.has(token.text))
      throw badExpression(`expected a name, found ${describe(token)}`, token.at);
    this.#next++;
    return token.text;
  }

  #conditional(): Expression {
    if (++this.#brackets > LIMITS.brackets)
      throw new ExpressionError("limit", `brackets nested deeper than ${LIMITS.brackets}`);
    const test = this.#chain("||");
    let result = test;
    if (this.#take("?")) {
      const yes = this.#chain("||");
      this.#expect(":");
      result = { kind: "conditional", test, yes, no: this.#conditional() };
    }
    this.#brackets--;
    return result;
  }

  #chain(operator: "&&" | "||"): Expression {
    const operands: Expression[] = [];
    do {
      operands.push(operator === "||" ? this.#chain("&&") : this.#binary(RELATIONS));
    } while (this.#take(operator));
    const [first] = operands;
    return operands.length === 1 && first !== undefined ? first : { kind: "chain", operator, operands };
  }

  /** One level of left-associative operators: relations, then sums, then products. */
  #binary(operators: ReadonlySet<string>): Expression {
    let left = this.#operand(operators);
    for (;;) {
      const token = this.#peek();
      if ((token.kind !== "symbol" && token.kind !== "name") || !operators.has(token.text)) return left;
      this.#next++;
      left = { kind: "binary", operator: token.text as BinaryOperator, left, right: this.#operand(operators) };
    }
  }

  #operand(operators: ReadonlySet<string>): Expression {
    if (operators === RELATIONS) return this.#binary(SUMS);
    return operators === SUMS ? this.#binary(PRODUCTS) : this.#unary();
  }

  #unary(): Expression {
    const signs: ("not" | "negate")[] = [];
    for (;;) {
      if (this.#take("!")) signs.push("not");
      else if (this.#take("-")) signs.push("negate");
      else break;
    }
    let result = this.#member();
    for (const kind of signs.reverse()) {
      if (kind === "negate" && result.kind === "literal" && typeof result.value === "number") {
        result = { kind: "literal", value: -result.value };
      } else {
        result = { kind, operand: result };
      }
    }
    return result;
  }

  #member(): Expression {
    let target = this.#primary();
    for (;;) {
      if (this.#take(".")) {
        const { at } = this.#peek();
        const name = this.#expectName();
        target = this.#take("(") ? this.#method(target, name, at) : { kind: "select", target, field: name };
      } else if (this.#take("[")) {
        target = { kind: "index", target, index: this.#conditional() };
        this.#expect("]");
      } else {
        return target;
      }
    }
  }

  #primary(): Expression {
    const token = this.#peek();
    this.#next++;
    if (token.kind === "number" || token.kind === "string") return { kind: "literal", value: token.value };
    if (token.kind === "symbol" && token.text === "(") {
      const inner = this.#conditional();
      this.#expect(")");
      return inner;
    }
    if (token.kind === "symbol" && token.text === "[") return this.#list();
    if (token.kind === "name") return this.#named(token.text, token.at);
    throw badExpression(`expected a value, found ${describe(token)}`, token.at);
  }

  #named(name: string, at: number): Expression {
    if (name === "true" || name === "false") return { kind: "literal", value: name === "true" };
    if (name === "null") return { kind: "literal", value: null };
    if (KEYWORDS.has(name) || RESERVED.has(name)) throw badExpression(`${name} is a reserved word`, at);
    if (!this.#take("(")) return { kind: "name", name, at };
    if (name === "has") return this.#has(at);
    const known = Object.hasOwn(GLOBAL_FUNCTIONS, name) ? GLOBAL_FUNCTIONS[name] : undefined;
    if (known === undefined) throw badExpression(`there is no function ${name}()`, at);
    const args = this.#arguments(")");
    if (args.length !== known.args)
      throw badExpression(`${name}() takes ${known.args} argument(s), not ${args.length}`, at);
    return { kind: "call", name: known.name, args, at };
  }

  #has(at: number): Expression {
    const args = this.#arguments(")");
    const [path] = args;
    if (args.length !== 1 || path?.kind !== "select") {
      throw badExpression('has() takes a field such as event.x (for an odd name write "odd-name" in event)', at);
    }
    return { kind: "has", target: path.target, field: path.field };
  }

  #method(target: Expression, name: string, at: number): Expression {
    if (name === "all" || name === "exists") {
      const variable = this.#expectName();
      if (RESERVED.has(variable)) throw badExpression(`${variable} is a reserved word`, at);
      this.#expect(",");
      const body = this.#conditional();
      this.#expect(")");
      return { kind: "comprehension", quantifier: name, target, variable, body, at };
    }
    const known = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
    if (known === undefined) throw badExpression(`there is no function .${name}()`, at);
    const args = this.#arguments(")");
    if (args.length !== known.args)
      throw badExpression(`.${name}() takes ${known.args} argument(s), not ${args.length}`, at);
    return { kind: "call", name: known.name, args: [target, ...args], at };
  }

  #list(): Expression {
    const items = this.#arguments("]");
    if (items.length > LIMITS.listLiteralItems) {
      throw new ExpressionError("limit", `a list literal has more than ${LIMITS.listLiteralItems} elements`);
    }
    return { kind: "list", items };
  }

  /** Expressions between commas up to the closing bracket; a comma before the bracket is allowed in lists. */
  #arguments(closing: ")" | "]"): Expression[] {
    const items: Expression[] = [];
    while (!this.#take(closing)) {
      items.push(this.#conditional());
      if (this.#take(closing)) break;
      this.#expect(",");
      if (closing === ")" && this.#take(")")) throw badExpression("an argument is missing", this.#peek().at);
    }
    return items;
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case "end":
      return "the end";
    case "number":
      return String(token.value);
    case "string":
      return "a string";
    default:
      return token.text;
  }
}
