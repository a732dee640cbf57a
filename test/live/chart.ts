// Draws a live loop as SVG: what was sent, replicas, lag against its objective, and what was done to it.
import type { Sample } from "./recorder.ts";

export interface Mark {
  readonly second: number;
  readonly text: string;
}

const [WIDTH, LEFT, RIGHT, PANEL, GAP, TOP] = [1000, 70, 20, 150, 34, 30];

/** The picture, as a file's text. */
export function drawLoop(samples: readonly Sample[], marks: readonly Mark[], objectiveSeconds: number): string {
  const end = samples.at(-1)?.second ?? 1;
  const x = (second: number) => (LEFT + (second / end) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const rates = samples.map((sample, i) => {
    const before = samples[Math.max(0, i - 5)];
    const seconds = sample.second - (before?.second ?? 0);
    return { second: sample.second, value: seconds > 0 ? (sample.sent - (before?.sent ?? 0)) / seconds : 0 };
  });
  const of = (value: (sample: Sample) => number | undefined) =>
    samples.flatMap((sample) => {
      const found = value(sample);
      return found === undefined ? [] : [{ second: sample.second, value: found }];
    });
  const panels = [
    { title: "events sent, per second", lines: [{ colour: "#555", points: rates }] },
    {
      title: "replicas wanted (blue) and processes that run (grey)",
      lines: [
        { colour: "#aaa", points: of((s) => s.processes) },
        { colour: "#1565c0", points: of((s) => s.replicas) },
      ],
    },
    {
      title: `age of the oldest event not applied, s (objective ${objectiveSeconds}, dashed)`,
      lines: [{ colour: "#c62828", points: of((s) => s.lagSeconds) }],
      dashed: objectiveSeconds,
    },
  ];
  const drawn = panels.map((panel, i) => drawPanel(panel, TOP + i * (PANEL + GAP), x));
  const bottom = TOP + panels.length * (PANEL + GAP);
  const flags = marks.map(
    ({ second, text }, i) =>
      `<path d="M${x(second)} ${TOP - 8}V${bottom - GAP}" stroke="#999" stroke-dasharray="2 3"/><text x="${x(second)}" y="${bottom + 4 + (i % 3) * 14}" fill="#555">${text}</text>`,
  );
  const minutes = Array.from({ length: Math.floor(end / 120) + 1 }, (_, i) => i * 2);
  const times = minutes.map(
    (m) => `<text x="${x(m * 60)}" y="${bottom - GAP + 14}" text-anchor="middle">${m} min</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 50}" font-family="sans-serif" font-size="11">
<title>Replicas and lag under a changing load</title>
<rect width="100%" height="100%" fill="#fff"/>
${flags.join("\n")}
${drawn.join("\n")}
${times.join("")}
</svg>
`;
}

interface Panel {
  readonly title: string;
  readonly lines: readonly { colour: string; points: readonly { second: number; value: number }[] }[];
  readonly dashed?: number;
}

function drawPanel({ title, lines, dashed }: Panel, top: number, x: (second: number) => string): string {
  const most = Math.max(1, dashed ?? 0, ...lines.flatMap(({ points }) => points.map(({ value }) => value))) * 1.05;
  const y = (value: number) => (top + PANEL - (value / most) * PANEL).toFixed(1);
  const paths = lines.map(({ colour, points }) => {
    const steps = points.map(({ second, value }, i) => `${i === 0 ? "M" : "L"}${x(second)} ${y(value)}`);
    return `<path d="${steps.join("")}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  });
  const limit =
    dashed === undefined
      ? ""
      : `<path d="M${LEFT} ${y(dashed)}H${WIDTH - RIGHT}" stroke="#c62828" stroke-dasharray="6 4" fill="none"/>`;
  return `<text x="${LEFT}" y="${top - 6}" font-size="12">${title}</text>
<path d="M${LEFT} ${top}V${top + PANEL}H${WIDTH - RIGHT}" fill="none" stroke="#888"/>
<text x="${LEFT - 6}" y="${top + 10}" text-anchor="end">${Math.round(most)}</text><text x="${LEFT - 6}" y="${top + PANEL}" text-anchor="end">0</text>
${limit}${paths.join("")}`;
}
