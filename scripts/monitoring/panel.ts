// What a dashboard consists of: panels with queries, unit and runbook. How that looks as Grafana's JSON is grafana.ts's to say.
// In queries `$w` is Grafana's rate interval; the namespace is added to every selector by grafana.ts.

export interface Query {
  readonly expr: string;
  /** Legend, in Grafana's form: {{label}}. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  readonly description: string;
  /** In Grafana's names: short, s, percentunit, ... */
  readonly unit: string;
  /** The alert whose runbook says what to do. */
  readonly runbook: string;
  readonly queries: readonly Query[];
  readonly kind?: "timeseries" | "stat" | "bargauge";
}

export interface Dashboard {
  /** File name, and uid after `alertcast-`. */
  readonly id: string;
  readonly title: string;
  readonly panels: readonly Panel[];
}

export const q = (expr: string, legend = ""): Query => ({ expr, legend });
export const rate = (metric: string) => `rate(${metric}[$w])`;
export const p99 = (metric: string, by = "le") =>
  `histogram_quantile(0.99, sum by (${by}) (${rate(`${metric}_bucket`)}))`;
