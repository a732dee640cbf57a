// `alertcast ingestor|processor|api`: the services, each as its own program.
import type { Command } from "commander";

const SERVICES = [
  {
    name: "ingestor",
    description: "take events over HTTP (and from the simulator) and append them to Kafka",
    example: "KAFKA_BROKER=kafka:9092 INGEST_RATE=0 alertcast ingestor",
    load: () => import("../ingestor/main.ts"),
  },
  {
    name: "processor",
    description: "read events from Kafka, run the rules, keep the tickets in PostgreSQL",
    example: "KAFKA_BROKER=kafka:9092 PG_HOST=db PG_PASSWORD=... RULES_FILE=rules.yaml alertcast processor",
    load: () => import("../processor/main.ts"),
  },
  {
    name: "api",
    description: "serve the HTTP API and the dashboard",
    example: "PG_HOST=db PG_PASSWORD=... REDIS_ADDR=redis:6379 alertcast api",
    load: () => import("../api/main.ts"),
  },
  {
    name: "operator",
    description: "on Kubernetes: keep the replicas of each LagScaler's Deployment at what its load asks for",
    example: "KAFKA_SASL_USERNAME=... KAFKA_SASL_PASSWORD_FILE=... alertcast operator",
    load: () => import("../operator/main.ts"),
  },
  {
    name: "setup",
    description: "once, before the services: schema, roles, topic and Secrets, where they are missing",
    example: "PG_HOST=db PG_PASSWORD=... SETUP_TOPICS=true KAFKA_BROKER=kafka:9092 alertcast setup",
    load: () => import("../setup/main.ts"),
  },
] as const;

/** Adds one command per service; a service is loaded only when it is run and ends the process itself. */
export function addServices(program: Command): void {
  for (const { name, description, example, load } of SERVICES) {
    program
      .command(name)
      .description(`${description} (set up by environment variables)`)
      .addHelpText("after", `\nExample:\n  ${example}`)
      .action(async () => {
        await load();
      });
  }
}
