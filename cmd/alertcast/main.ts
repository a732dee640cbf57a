// The command line of AlertCast.
import { Command } from "commander";
import { addMigrate } from "./migrate.ts";
import { addStandalone } from "./standalone.ts";

const program = new Command("alertcast")
  .description("Turns device-health events into tickets that people can work on")
  .showHelpAfterError("(add --help for what there is)");
addStandalone(program);
addMigrate(program);
await program.parseAsync();
