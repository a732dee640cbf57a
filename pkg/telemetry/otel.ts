// Traces by OpenTelemetry: which spans are kept, and that sending them never stops the work. Loaded only where traces are
// wanted. No library is patched: the few spans there are come through the port (tracing.ts).
import {
  type Context,
  context,
  DiagLogLevel,
  diag,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import type { TracingConfig } from "../config/tracing.ts";
import { parseTraceparent, type Span, type SpanOptions, type TraceContext, type Tracing } from "./tracing.ts";

const KINDS = {
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
} as const;
/** How long an export may take; spans wait in memory meanwhile, at most 2,048 of them. */
const EXPORT_TIMEOUT_MS = 10_000;
/** A receiver that is away is told of once in so long. */
const COMPLAIN_EVERY_MS = 60_000;
/** An end of the program waits so long for the last spans. */
const SHUTDOWN_MS = 3_000;

export interface OtelOptions extends TracingConfig {
  readonly version: string;
  /** Of this process, to tell replicas apart. */
  readonly instance: string;
  /** Told that spans could not be sent, once a minute at most. */
  readonly onError: (message: string) => void;
}

/** Starts a tracer that sends to OTEL_EXPORTER_OTLP_ENDPOINT (OTLP over HTTP, JSON). Disposing it sends what is left. */
export function startOtel(options: OtelOptions): Tracing & AsyncDisposable {
  diag.setLogger(complaints(options.onError), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({
      "service.version": options.version,
      "service.instance.id": options.instance,
    })
      .merge(detectResources({ detectors: [envDetector] }))
      .merge(resourceFromAttributes({ "service.name": options.serviceName })),
    autoDetectResources: false,
    sampler: samplerOf(options),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter({ timeoutMillis: EXPORT_TIMEOUT_MS }),
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
        scheduledDelayMillis: options.sendEveryMs,
      }),
    ],
    // Metrics are Prometheus', logs are lines: neither goes this way.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [],
  });
  sdk.start();
  const tracer = trace.getTracer("alertcast", options.version);
  return {
    enabled: true,
    span: (name, spanOptions, work) => runSpan(tracer, name, spanOptions, work),
    [Symbol.asyncDispose]: () => within(SHUTDOWN_MS, sdk.shutdown(), options.onError),
  };
}

function samplerOf({ sampler, ratio }: TracingConfig): Sampler {
  const byName = sampler.replace("parentbased_", "");
  const root =
    byName === "traceidratio"
      ? new TraceIdRatioBasedSampler(ratio)
      : byName === "always_on"
        ? new AlwaysOnSampler()
        : new AlwaysOffSampler();
  if (sampler === "always_off") return root;
  const base = sampler.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root;
  return {
    // A batch is worth a look exactly when one of the requests whose events it holds is.
    shouldSample: (parent, traceId, name, kind, attributes, links) =>
      links.length === 0
        ? base.shouldSample(parent, traceId, name, kind, attributes, links)
        : {
            decision: links.some((link) => (link.context.traceFlags & TraceFlags.SAMPLED) !== 0)
              ? SamplingDecision.RECORD_AND_SAMPLED
              : SamplingDecision.NOT_RECORD,
          },
    toString: () => `links or ${base.toString()}`,
  };
}

async function runSpan<T>(
  tracer: OtelTracer,
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = parentOf(options);
  if (options.partOnly && trace.getSpan(parent)?.isRecording() !== true) return work(spanOf(undefined));
  const links = [...(options.links ?? [])].flatMap((text) => {
    const linked = parseTraceparent(text);
    return linked === undefined ? [] : [{ context: remote(linked) }];
  });
  const span = tracer.startSpan(
    name,
    {
      kind: KINDS[options.kind],
      links,
      attributes: { ...options.attributes },
      ...(options.startMs !== undefined && { startTime: options.startMs }),
    },
    parent,
  );
  try {
    return await context.with(trace.setSpan(parent, span), () => work(spanOf(span)));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message });
    throw error;
  } finally {
    span.end();
  }
}

/** What is linked to others has no parent: one trace that never ends would be the other choice. */
function parentOf({ parent, links }: SpanOptions): Context {
  if (links !== undefined) return ROOT_CONTEXT;
  const asked = parseTraceparent(parent);
  return asked === undefined ? context.active() : trace.setSpanContext(ROOT_CONTEXT, remote(asked));
}

function remote({ traceId, spanId, sampled }: TraceContext): SpanContext {
  return { traceId, spanId, traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE, isRemote: true };
}

function spanOf(span: OtelSpan | undefined): Span {
  const own = span ?? trace.getActiveSpan();
  return {
    get traceparent() {
      if (own === undefined) return undefined;
      const { traceId, spanId, traceFlags } = own.spanContext();
      return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, "0")}`;
    },
    set: (attributes) => void span?.setAttributes({ ...attributes }),
    rename: (name) => void span?.updateName(name),
    failed: (message) => void span?.setStatus({ code: SpanStatusCode.ERROR, message }),
  };
}

function complaints(onError: (message: string) => void) {
  let lastMs = Number.NEGATIVE_INFINITY;
  const complain = (message: string) => {
    if (performance.now() - lastMs < COMPLAIN_EVERY_MS) return;
    lastMs = performance.now();
    onError(message);
  };
  const quiet = () => undefined;
  return { error: complain, warn: complain, info: quiet, debug: quiet, verbose: quiet };
}

async function within(ms: number, work: Promise<void>, onError: (message: string) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([work, late]);
  } catch (error) {
    onError(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}
