// Declares which environment variables the operator reads.
import { LOG_LEVELS, type LogLevel } from "../telemetry/logger.ts";
import { type KafkaSecurityConfig, kafkaConnection } from "./connections.ts";
import { type Environment, port, readConfig } from "./read.ts";

export interface OperatorConfig {
  readonly logLevel: LogLevel;
  readonly metricsPort: number;
  /** Whose LagScalers are run; undefined = the pod's own namespace. */
  readonly namespace: string | undefined;
  /** Name of the Lease. */
  readonly lease: string;
  /** Who holds the Lease, for people; undefined = the host's name. */
  readonly podName: string | undefined;
  /** Brokers are each LagScaler's own; credentials are one set for all. */
  readonly security: KafkaSecurityConfig;
}

const NAME = { form: /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/, wanted: "a name of Kubernetes: a-z 0-9 - ." };

/** @throws AlertCastError `invalid` naming every malformed variable */
export function operatorConfig(env: Environment): OperatorConfig {
  return readConfig(env, (read) => ({
    logLevel: read.oneOf("LOG_LEVEL", "info", LOG_LEVELS),
    metricsPort: port(read, "METRICS_PORT", 9464),
    namespace: read.optionalText("OPERATOR_NAMESPACE"),
    lease: read.text("OPERATOR_LEASE", "alertcast-operator", NAME),
    podName: read.optionalText("POD_NAME"),
    security: kafkaConnection(read).security,
  }));
}
