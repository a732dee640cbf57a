// The command line of AlertCast.
import { runCommands } from "./exit.ts";
import { addMigrate } from "./migrate.ts";
import { createProgram } from "./program.ts";
import { addRules } from "./rules.ts";
import { addSend } from "./send.ts";
import { addServices } from "./services.ts";
import { addStandalone } from "./standalone.ts";
import { endWithClosedPipe } from "./terminal.ts";

endWithClosedPipe(process);
const program = createProgram();
addStandalone(program);
addMigrate(program);
addServices(program);
addRules(program);
addSend(program);
process.exitCode = await runCommands(program, process.argv, process.stderr);
