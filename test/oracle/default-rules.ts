// The default rule set (R4) in plain code.
import type { Severity } from "./types.ts";

/** true, false, or undefined = unknown (E3). */
export type Answer = boolean | undefined;
export type Fields = Readonly<Record<string, unknown>>;

export interface OracleLevel {
  readonly severity: Severity;
  readonly match: (event: Fields) => Answer;
  /** Without it: when it does not match. */
  readonly recover?: (event: Fields) => Answer;
}

export interface OracleRule {
  readonly id: string;
  /** Highest severity first. */
  readonly levels: readonly OracleLevel[];
  readonly reason: (event: Fields, severity: Severity) => string;
}

const hasStatus = (wanted: string) => (event: Fields) =>
  event.status === undefined ? undefined : event.status === wanted;

const degrees = (judge: (temperature: number) => boolean) => (event: Fields) =>
  typeof event.temperature === "number" ? judge(event.temperature) : undefined;

export const DEFAULT_RULES: readonly OracleRule[] = [
  {
    id: "device-offline",
    levels: [{ severity: "critical", match: hasStatus("offline") }],
    reason: () => "Device offline",
  },
  {
    id: "temperature",
    levels: [
      { severity: "high", match: degrees((t) => t >= 85), recover: degrees((t) => t < 82) },
      { severity: "medium", match: degrees((t) => t >= 75), recover: degrees((t) => t < 72) },
    ],
    reason: (event, severity) => `Temperature ${severity === "high" ? "high" : "elevated"}: ${event.temperature}`,
  },
  {
    id: "device-degraded",
    levels: [{ severity: "medium", match: hasStatus("degraded") }],
    reason: () => "Device degraded",
  },
];
