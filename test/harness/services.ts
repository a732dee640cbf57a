// Where the real services are that integration tests talk to. Starts nothing (global-setup.ts does).
import { SERVICE_VARIABLES } from "./tools.ts";

export interface Services {
  /** host:port, several with commas between them. */
  readonly kafkaBrokers: string;
  /** Connection URL of the maintenance database, as a user who may create databases. */
  readonly pgUrl: string;
  readonly redisUrl: string;
}

/** The addresses of Kafka, PostgreSQL and Redis; throws outside integration tests unless the environment names them. */
export function services(): Services {
  return {
    kafkaBrokers: required(SERVICE_VARIABLES.kafka),
    pgUrl: required(SERVICE_VARIABLES.postgres),
    redisUrl: required(SERVICE_VARIABLES.redis),
  };
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: tests with real services are files named *.int.test.ts`);
  return value;
}
