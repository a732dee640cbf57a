// What the rows stand on: real services, topics filled beforehand, a fresh database for every single run, and workers.
import pg from "pg";
import { migrate } from "../pkg/ticket/postgres-migrate.ts";
import { createPool } from "../pkg/ticket/postgres-pool.ts";
import { type FreshDatabase, freshDatabase } from "../test/harness/database.ts";
import { type Services, services } from "../test/harness/services.ts";
import { startServices, temporaryFolder } from "../test/harness/start-services.ts";
import { missingTools, servicesToStart } from "../test/harness/tools.ts";
import { freshTopic } from "../test/harness/topic.ts";
import type { Stream } from "./events.ts";
import type { DatabaseAddress } from "./worker/pipeline.ts";
import { Worker } from "./worker.ts";

/** A topic that holds what a run will consume. */
export interface FilledTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly records: number;
}

export interface SettingOptions {
  readonly profileFolder: string | undefined;
}

export class Setting implements AsyncDisposable {
  readonly services: Services;
  readonly #stack: AsyncDisposableStack;
  readonly #template: FreshDatabase;
  readonly #options: SettingOptions;
  readonly #filler: Worker;
  #groups = 0;

  private constructor(stack: AsyncDisposableStack, template: FreshDatabase, options: SettingOptions) {
    this.services = services();
    this.#stack = stack;
    this.#template = template;
    this.#options = options;
    this.#filler = stack.use(new Worker({ name: "filler" }));
  }

  /** Starts Kafka, PostgreSQL and Redis, as far as the environment does not name running ones. */
  static async open(options: SettingOptions): Promise<Setting> {
    await using stack = new AsyncDisposableStack();
    const names = servicesToStart(process.env);
    const missing = missingTools(names);
    if (missing.length > 0) throw new Error(`the benchmarks need ${missing.join(", ")}; run scripts/setup-services.sh`);
    const folder = await temporaryFolder(stack, true);
    const { addresses } = await startServices(names, { folder, stack, guarded: true }, (line) => console.log(line));
    Object.assign(process.env, addresses);
    const template = stack.use(await freshDatabase());
    const pool = createPool({ ...template, applicationName: "bench", onError: (error) => console.error(error) });
    await migrate(pool);
    await pool.end();
    return new Setting(stack.move(), template, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  /** A process of its own; dispose it. Its CPU profile gets this name. */
  worker(name: string): Worker {
    return new Worker({ name, profileFolder: this.#options.profileFolder });
  }

  /** A topic with `records` events of the stream in it. */
  async filledTopic(partitions: number, records: number, stream: Stream): Promise<FilledTopic> {
    const topic = await this.emptyTopic(partitions);
    await this.append(topic, partitions, records, stream);
    return { topic, partitions, records };
  }

  emptyTopic(partitions: number): Promise<string> {
    return freshTopic({ partitions });
  }

  async append(topic: string, partitions: number, events: number, stream: Stream): Promise<void> {
    await this.#filler.run("fill", { brokers: this.services.kafkaBrokers, topic, partitions, events, stream });
  }

  /** A migrated database without a ticket in it. */
  database(): Promise<FreshDatabase> {
    return freshDatabase({ template: this.#template.database });
  }

  /** What every consumer of `topic` has to know, with a consumer group of its own. */
  consumption(topic: FilledTopic): FilledTopic & { readonly brokers: string; readonly group: string } {
    return { ...topic, brokers: this.services.kafkaBrokers, group: `bench-${process.pid}-${++this.#groups}` };
  }

  /** Versions of the services, for the report. */
  async versions(): Promise<Record<string, string>> {
    const { rows } = await query(this.#template, "SHOW server_version");
    return { postgresql: String(rows[0]?.server_version), kafka: "4.2.0 (test/harness)" };
  }
}

/** The plain data of an address, to be sent to a worker. */
export function addressOf({ host, port, user, password, database }: FreshDatabase): DatabaseAddress {
  return { host, port, user, password, database };
}

/** One statement on a connection of its own. */
export async function query(
  database: DatabaseAddress,
  text: string,
  values: unknown[] = [],
): Promise<pg.QueryResult<Record<string, unknown>>> {
  const { host, port, user, password, database: name } = database;
  const client = new pg.Client({ host, port, user, password, database: name });
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}
