// Decides how data looks on a terminal: what would drive it is shown as an escape. And how much is written at once.

// C0 (but for the tab), DEL, C1, and the characters that turn the direction of text round.
const DRIVING = new RegExp(
  `[${[
    [0x00, 0x08],
    [0x0a, 0x1f],
    [0x7f, 0x9f],
    [0x061c, 0x061c],
    [0x200e, 0x200f],
    [0x2028, 0x202e],
    [0x2066, 0x2069],
  ]
    .map((range) => range.map((code) => `\\u${code.toString(16).padStart(4, "0")}`).join("-"))
    .join("")}]`,
  "g",
);

/** The text with control, C1 and bidirectional characters as visible escapes, in one line. */
export function visible(text: string): string {
  return text.replace(DRIVING, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Writes, and resolves once the stream takes more. Rejects when the stream fails. */
export async function write(stream: NodeJS.WritableStream, text: string | Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** A closed stdout ends the process with 0, silently; lines for a closed stderr are dropped and the work goes on. */
export function endWithClosedPipe(source: Pick<NodeJS.Process, "stdout" | "stderr" | "exit">): void {
  const isClosed = (error: NodeJS.ErrnoException) => error.code === "EPIPE";
  source.stdout.on("error", (error) => {
    if (isClosed(error)) source.exit(0);
    throw error;
  });
  source.stderr.on("error", (error) => {
    if (!isClosed(error)) throw error;
  });
}
