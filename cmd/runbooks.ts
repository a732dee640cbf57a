// Loads the runbooks that alerts link to. They are few and small, so that they can be read when everything else is down.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "..", "deploy", "prometheus", "runbooks");

/** Markdown by the alert's name. */
export async function loadRunbooks(): Promise<ReadonlyMap<string, string>> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".md")).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(FOLDER, file), "utf8")));
  return new Map(files.map((file, i) => [file.slice(0, -".md".length), texts[i] ?? ""]));
}
