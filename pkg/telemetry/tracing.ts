// The port of traces: what services say about their work. Without a tracer (otel.ts) it costs a call and does nothing else.

export interface SpanOptions {
  readonly kind: "server" | "producer" | "consumer" | "client";
  /** W3C trace context of who asked for this work. Default: the span under way, else a trace of its own. */
  readonly parent?: string | undefined;
  /** W3C trace contexts that this work was done for; it is a trace of its own then, recorded if one of them is. */
  readonly links?: Iterable<string>;
  readonly attributes?: Attributes;
  /** Where it began before now, ms since 1970. */
  readonly startMs?: number;
  /** True: only as a part of a trace that is recorded, never as its beginning. */
  readonly partOnly?: boolean;
}

export type Attributes = Readonly<Record<string, string | number | boolean>>;

export interface Span {
  /** The W3C trace context to pass on; undefined where nothing is traced. */
  readonly traceparent: string | undefined;
  set(attributes: Attributes): void;
  rename(name: string): void;
  /** Marks the work as failed though it threw nothing. */
  failed(why: string): void;
}

export interface Tracing {
  /** False: nothing is traced, and contexts need not be collected. */
  readonly enabled: boolean;
  /** Does the work within a span that ends with it; a rejection is noted and thrown on. `work` is called at once. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
}

const NO_SPAN: Span = {
  traceparent: undefined,
  set: () => undefined,
  rename: () => undefined,
  failed: () => undefined,
};

/** Traces nothing. */
export const noTracing: Tracing = { enabled: false, span: (_name, _options, work) => work(NO_SPAN) };

const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

export interface TraceContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
}

/** Reads a W3C traceparent; undefined for anything else, also one of zeros. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  const match = text === undefined ? null : TRACEPARENT.exec(text);
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined || text?.startsWith("ff")) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
