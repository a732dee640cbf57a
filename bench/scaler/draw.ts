// Draws the front as SVG: violation minutes against replica hours, one panel for each commit interval. No library: two scales
// and some circles.
export interface Point {
  readonly name: string;
  readonly commit: number;
  readonly violationMinutes: number;
  readonly replicaHours: number;
  readonly rebalances: number;
  readonly front: boolean;
  readonly chosen: boolean;
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [560, 360, 60, 120, 40, 50];

/** The picture, as a file's text. */
export function drawFront(points: readonly Point[]): string {
  const commits = [...new Set(points.map(({ commit }) => commit))];
  const panels = commits.map((commit, i) =>
    panel(
      points.filter((p) => p.commit === commit),
      commit,
      i * WIDTH,
    ),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH * commits.length} ${HEIGHT}" font-family="sans-serif" font-size="11">
<title>Violation minutes against replica hours</title>
<rect width="100%" height="100%" fill="#fff"/>
${panels.join("\n")}
</svg>
`;
}

function panel(points: readonly Point[], commit: number, x0: number): string {
  const x = scale(
    points.map((p) => p.replicaHours),
    x0 + LEFT,
    x0 + WIDTH - RIGHT,
  );
  const y = scale(
    points.map((p) => p.violationMinutes),
    HEIGHT - BOTTOM,
    TOP,
  );
  // From the top; a name that would stand upon another goes below it.
  const lines: number[] = [];
  const marks = [...points]
    .sort((a, b) => b.violationMinutes - a.violationMinutes)
    .map((p) => {
      const [left, top] = [x.at(p.replicaHours), y.at(p.violationMinutes)];
      const colour = p.name.startsWith("ours") ? "#1565c0" : "#c62828";
      const dot = `<circle cx="${left}" cy="${top}" r="${p.chosen ? 6 : 4}" fill="${p.front ? colour : "#fff"}" stroke="${colour}"><title>${p.name}: ${p.rebalances} rebalances</title></circle>`;
      if (!p.chosen && p.name.startsWith("ours")) return dot;
      const line = Math.max(top - 6, (lines.at(-1) ?? 0) + 13);
      lines.push(line);
      return `${dot}<text x="${left + 8}" y="${line}" fill="${colour}">${p.name} (${p.rebalances})</text>`;
    });
  const base = HEIGHT - BOTTOM;
  const ticks = [
    ...x.ticks.map((t) => `<text x="${x.at(t)}" y="${base + 16}" text-anchor="middle">${t}</text>`),
    ...y.ticks.map((t) => `<text x="${x0 + LEFT - 6}" y="${y.at(t) + 4}" text-anchor="end">${t}</text>`),
  ];
  return `<text x="${x0 + LEFT}" y="20" font-size="13">commit every ${commit} s (rebalances in brackets; filled = on the front)</text>
<path d="M${x0 + LEFT} ${TOP}V${base}H${x0 + WIDTH - RIGHT}" fill="none" stroke="#888"/>
<text x="${x0 + WIDTH / 2}" y="${HEIGHT - 12}" text-anchor="middle">replica hours</text>
<text x="${x0 + 14}" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 ${x0 + 14} ${HEIGHT / 2})">violation minutes</text>
${ticks.join("")}
${marks.join("\n")}`;
}

function scale(values: readonly number[], from: number, to: number) {
  const most = Math.max(1, ...values) * 1.1;
  const power = 10 ** Math.floor(Math.log10(most / 4));
  const step = [1, 2, 5, 10].map((n) => n * power).find((each) => most / each <= 6) ?? 10 * power;
  const ticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
  return { at: (value: number) => Math.round(from + (value / most) * (to - from)), ticks };
}
