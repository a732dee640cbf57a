// The root of the command tree: name, version, and how usage errors end.
import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };

/** A program without commands; each command file adds its own. Throws instead of exiting. */
export function createProgram(): Command {
  return (
    new Command("alertcast")
      .description("Turns device-health events into tickets that people can work on")
      .version(packageJson.version, "-V, --version", "print the version")
      .helpOption("-h, --help", "print this help")
      .showHelpAfterError("(add --help for what there is)")
      .addHelpText(
        "after",
        `
Exit codes: 0 done, 1 a check failed, 2 usage, 3 not found, 4 not allowed, 5 conflict, 6 a part was refused,
7 unreachable or timed out, 130 interrupted`,
      )
      // Before any command is added: they inherit it.
      .exitOverride()
  );
}
