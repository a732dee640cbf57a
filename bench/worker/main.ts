// The other end of bench/worker.ts: a process of its own that does one task after another, so that what is measured has
// a core, a heap and warm code for itself.
import { TASKS, type TaskName } from "./tasks.ts";

interface Request {
  readonly task: TaskName;
  readonly input: never;
}

process.on("message", (request: Request) => {
  void answer(request);
});
process.on("disconnect", () => process.exit(0));

async function answer({ task, input }: Request): Promise<void> {
  try {
    process.send?.({ value: await TASKS[task](input) });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
