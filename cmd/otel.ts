// Decides whether a program is traced. OpenTelemetry is loaded only where OTEL_EXPORTER_OTLP_ENDPOINT names a receiver.
import { hostname } from "node:os";
import packageJson from "../package.json" with { type: "json" };
import { tracingConfig, wantsTraces } from "../pkg/config/tracing.ts";
import { noTracing, type Tracing } from "../pkg/telemetry/tracing.ts";

/**
 * The traces of this process; none without OTEL_EXPORTER_OTLP_ENDPOINT. Disposing it sends what is left, for 3 s at most.
 * @param onError told that spans could not be sent
 * @throws AlertCastError `invalid` naming a malformed variable
 */
export async function startTracing(
  component: string,
  onError: (message: string) => void,
): Promise<Tracing & AsyncDisposable> {
  if (!wantsTraces(process.env)) return { ...noTracing, [Symbol.asyncDispose]: async () => undefined };
  const config = tracingConfig(process.env, component);
  const { startOtel } = await import("../pkg/telemetry/otel.ts");
  return startOtel({
    ...config,
    version: packageJson.version,
    instance: `${hostname()}/${process.pid}`,
    onError,
  });
}
