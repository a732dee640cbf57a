// Decides whether environment variables have the form they must have: unset takes the default, malformed is an error.
// Never reads the environment itself (cmd/ passes it), never shows a value: it may be a secret.
import { AlertCastError } from "../errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface TextForm {
  readonly form: RegExp;
  /** The form in words, after "must be". */
  readonly wanted: string;
}

/** Reads variables. An unset or empty one takes the default; what a malformed one returns is never used. */
export interface Reader {
  text(name: string, fallback: string, form?: TextForm): string;
  optionalText(name: string): string | undefined;
  /** @param wanted when it has to be there, after "must be" */
  required(name: string, wanted: string): string;
  /** Decimal digits only, with a leading minus where the range has one. */
  integer(name: string, fallback: number, range: Range): number;
  optionalInteger(name: string, range: Range): number | undefined;
  number(name: string, fallback: number, range: Range): number;
  /** `true` or `false`. */
  boolean(name: string, fallback: boolean): boolean;
  /** @param read undefined for a text that is not as `wanted` says */
  parsed<T>(name: string, fallback: T, wanted: string, read: (text: string) => T | undefined): T;
  oneOf<const T extends string>(name: string, fallback: T, values: readonly T[]): T;
  /** `host:port`; an IPv6 address in brackets. */
  address(name: string, fallback: string): Address;
  /** One or more addresses, separated by commas. */
  addresses(name: string, fallback: string): readonly Address[];
}

/**
 * Runs `build` over the environment and returns what it made.
 * Throws `invalid` with all problems at once, each naming its variable and what is wanted.
 */
export function readConfig<T>(env: Environment, build: (read: Reader) => T): T {
  const problems: string[] = [];
  const config = build(createReader(env, (name, wanted) => problems.push(`${name} must be ${wanted}`)));
  if (problems.length > 0) throw new AlertCastError("invalid", `configuration: ${problems.join("; ")}`);
  return config;
}

const PORTS: Range = { min: 1, max: 65_535 };

/** A TCP port. */
export function port(read: Reader, name: string, fallback: number): number {
  return read.integer(name, fallback, PORTS);
}

/** A TCP port, or undefined. */
export function optionalPort(read: Reader, name: string): number | undefined {
  return read.optionalInteger(name, PORTS);
}

/** As it is written: `host:port`, an IPv6 address in brackets. */
export function formatAddress(address: Address): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

const INTEGER = /^-?\d{1,15}$/;
const NUMBER = /^-?\d{1,15}(\.\d{1,15})?$/;
const ADDRESS = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/;

function createReader(env: Environment, problem: (name: string, wanted: string) => void): Reader {
  const value = (name: string) => (env[name] === "" ? undefined : env[name]);
  const parse = <T>(name: string, fallback: T, wanted: string, read: (text: string) => T | undefined): T => {
    const text = value(name);
    if (text === undefined) return fallback;
    const found = read(text);
    if (found === undefined) problem(name, wanted);
    return found ?? fallback;
  };
  const integer = <T>(name: string, fallback: number | T, range: Range) =>
    parse<number | T>(name, fallback, `a whole number from ${range.min} to ${range.max}`, (text) =>
      inRange(text, INTEGER, range),
    );
  const addresses = (name: string, fallback: string, wanted: string, single: boolean) => {
    const read = (text: string) => (single ? parseAddresses([text]) : parseAddresses(text.split(",")));
    return parse(name, read(fallback) ?? [], wanted, read);
  };
  return {
    text: (name, fallback, form) =>
      parse(name, fallback, form?.wanted ?? "text", (text) =>
        form === undefined || form.form.test(text) ? text : undefined,
      ),
    optionalText: value,
    required: (name, wanted) => {
      const text = value(name);
      if (text === undefined) problem(name, wanted);
      return text ?? "";
    },
    integer: (name, fallback, range) => integer<never>(name, fallback, range),
    optionalInteger: (name, range) => integer(name, undefined, range),
    number: (name, fallback, range) =>
      parse(name, fallback, `a number from ${range.min} to ${range.max}`, (text) => inRange(text, NUMBER, range)),
    boolean: (name, fallback) =>
      parse(name, fallback, "true or false", (text) => (text === "true" ? true : text === "false" ? false : undefined)),
    parsed: parse,
    oneOf: (name, fallback, values) =>
      parse(name, fallback, `one of ${values.join(", ")}`, (text) => values.find((known) => known === text)),
    address: (name, fallback) => addresses(name, fallback, "host:port", true)[0] ?? { host: "", port: 0 },
    addresses: (name, fallback) => addresses(name, fallback, "host:port, or several separated by commas", false),
  };
}

function inRange(text: string, form: RegExp, range: Range): number | undefined {
  const number = form.test(text) ? Number(text) : Number.NaN;
  return number >= range.min && number <= range.max ? number : undefined;
}

function parseAddresses(texts: readonly string[]): readonly Address[] | undefined {
  const found: Address[] = [];
  for (const text of texts) {
    const match = ADDRESS.exec(text.trim());
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    if (host === undefined || !(port >= 1 && port <= 65_535)) return undefined;
    found.push({ host, port });
  }
  return found;
}
