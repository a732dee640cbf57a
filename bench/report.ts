// Collects the results of all rows and shows them: a table of ratios, with machine, versions and raw figures beside it.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { dirname } from "node:path";
import { median } from "./stats.ts";

export interface Result {
  /** Number of the row in the table of targets, with a letter for its variants. */
  readonly row: string;
  /** What is divided by what, or what is measured. */
  readonly what: string;
  readonly value: number;
  readonly unit?: "ms" | "bytes";
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
  /** Every single measurement, by name with unit. */
  readonly raw: Readonly<Record<string, readonly number[]>>;
  readonly note?: string;
}

export class Report {
  readonly results: Result[] = [];
  readonly failures: { readonly row: string; readonly error: string }[] = [];
  readonly #startedAtMs = performance.now();
  readonly #budgetSeconds: number;
  readonly #machine = machineFacts();

  constructor(budgetSeconds: number) {
    this.#budgetSeconds = budgetSeconds;
  }

  /** What is left of the time that everything together may take. */
  get secondsLeft(): number {
    return this.#budgetSeconds - (performance.now() - this.#startedAtMs) / 1000;
  }

  /** Throws for a figure that cannot be: everything measured here is above zero. */
  add(result: Result): void {
    if (!(result.value > 0 && Number.isFinite(result.value))) {
      throw new Error(`row ${result.row} came out as ${result.value}: the measurement is wrong`);
    }
    for (const [name, values] of Object.entries(result.raw)) {
      if (values.every((value) => value >= 0 && Number.isFinite(value))) continue;
      throw new Error(`row ${result.row}, ${name}: ${values.join(", ")}: the measurement is wrong`);
    }
    this.results.push(result);
    console.log(lineOf(result));
  }

  fail(row: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.failures.push({ row, error: text });
    console.error(`row ${row} could not be measured: ${text}`);
  }

  /** Prints the table and writes everything to `path`. */
  finish(path: string, versions: Readonly<Record<string, string>>): void {
    const seconds = Math.round((performance.now() - this.#startedAtMs) / 1000);
    const now = commit();
    const isMixed = now !== this.#machine.commit;
    const machine = { ...this.#machine, ...(isMixed && { "CODE CHANGED MEANWHILE": now }) };
    console.log(`\n${table(this.results)}\n`);
    for (const { row, what, raw, note } of this.results) {
      const figures = Object.entries(raw).map(
        ([name, values]) => `${name}: ${show(median(values))} (n=${values.length}, ${range(values)})`,
      );
      console.log(`${row}  ${what}\n    ${figures.join("\n    ")}${note === undefined ? "" : `\n    note: ${note}`}`);
    }
    console.log(
      `\n${Object.entries({ ...machine, ...versions })
        .map(([name, value]) => `${name}: ${value}`)
        .join("; ")}; took ${seconds} s`,
    );
    mkdirSync(dirname(path), { recursive: true });
    const { results, failures } = this;
    writeFileSync(
      path,
      `${JSON.stringify({ at: new Date().toISOString(), seconds, machine, versions, results, failures }, undefined, 2)}\n`,
    );
    console.log(`written to ${path}`);
  }
}

function machineFacts(): Record<string, string> {
  return {
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    "load before": loadavg()
      .map((n) => n.toFixed(1))
      .join(" "),
    node: process.version,
    commit: commit(),
  };
}

function commit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain") === "" ? "" : " with changes"}`;
  } catch {
    return "unknown"; // not a checkout
  }
}

/** The version of a package as installed. */
export function packageVersion(name: string): string {
  const text = readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : "unknown";
}

function table(results: readonly Result[]): string {
  const rows = results.map((result) => [
    result.row,
    result.what,
    textOfValue(result),
    targetOf(result),
    verdictOf(result),
  ]);
  const all = [["row", "ratio or measure", "value", "target", ""], ...rows];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, i) => (i === 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function lineOf(result: Result): string {
  return `  ${result.row.padEnd(8)} ${textOfValue(result).padStart(10)}  ${result.what}`;
}

function textOfValue({ value, unit }: Result): string {
  return unit === undefined ? show(value) : `${show(value)} ${unit}`;
}

function targetOf({ target, unit }: Result): string {
  if (target === undefined) return "";
  const bound = "atLeast" in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
  return unit === undefined ? bound : `${bound} ${unit}`;
}

function verdictOf({ target, value }: Result): string {
  if (target === undefined) return "";
  return ("atLeast" in target ? value >= target.atLeast : value <= target.atMost) ? "ok" : "MISSED";
}

function range(values: readonly number[]): string {
  return `${show(Math.min(...values))} to ${show(Math.max(...values))}`;
}

/** Three figures that count. */
function show(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
}
