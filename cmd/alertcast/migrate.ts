// `alertcast migrate`: brings the database's schema up to this version.
import type { Command } from "commander";
import { migrateConfig } from "../../pkg/config/config.ts";
import { migrate } from "../../pkg/ticket/postgres-migrate.ts";
import { createPool } from "../../pkg/ticket/postgres-pool.ts";

export function addMigrate(program: Command): void {
  program
    .command("migrate")
    .description(
      "create or update the tables in the PostgreSQL database named by PG_HOST, PG_PORT, PG_USER, PG_PASSWORD, PG_DB",
    )
    .addHelpText("after", "\nExample:\n  PG_HOST=db.example PG_PASSWORD=... alertcast migrate")
    .action(async () => {
      const pool = createPool({
        ...migrateConfig(process.env),
        applicationName: "alertcast-migrate",
        onError: (error) => process.stderr.write(`connection lost: ${error.message}\n`),
        statementTimeoutMs: 600_000,
        lockTimeoutMs: 600_000,
      });
      try {
        const applied = await migrate(pool);
        for (const { version, name } of applied) process.stdout.write(`applied ${version} ${name}\n`);
        if (applied.length === 0) process.stdout.write("the schema is up to date\n");
      } finally {
        await pool.end();
      }
    });
}
