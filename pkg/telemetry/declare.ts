// Decides how a metric comes into being: registered where its component runs, every known label set at 0 from the start.
// Knows no metric; catalogue.ts declares them.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** Label names with their known values; undefined = not known before the first use. */
type Labels = Readonly<Record<string, readonly string[] | undefined>>;
type Name<L extends Labels> = Extract<keyof L, string>;

/** A metric as it was declared. */
export interface Declared {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: Labels;
  /** The components that export it. */
  readonly components: readonly string[];
}

export interface Declare {
  counter<const L extends Labels>(name: string, help: string, labels: L): Counter<Name<L>>;
  /** @param collect called before each scrape */
  gauge<const L extends Labels>(name: string, help: string, labels: L, collect?: () => void): Gauge<Name<L>>;
  histogram<const L extends Labels>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: L,
  ): Histogram<Name<L>>;
}

/**
 * What declares for the given owners: into `registry` where one of them runs, and into `list` in any case.
 * @param running the components of this process
 */
export function declarations<C extends string>(registry: Registry, running: readonly C[], list: Declared[]) {
  return (...components: readonly C[]): Declare => {
    const registers = components.some((owner) => running.includes(owner)) ? [registry] : [];
    const note = (type: Declared["type"], name: string, help: string, labels: Labels) => {
      list.push({ name, type, help, labels, components });
    };
    return {
      counter(name, help, labels) {
        note("counter", name, help, labels);
        const counter = new Counter({ name, help, registers, labelNames: namesOf(labels) });
        for (const set of knownLabelSets(labels)) counter.inc(set, 0);
        return counter;
      },
      gauge(name, help, labels, collect) {
        note("gauge", name, help, labels);
        const gauge = new Gauge({
          name,
          help,
          registers,
          labelNames: namesOf(labels),
          ...(collect && { collect }),
        });
        for (const set of knownLabelSets(labels)) gauge.set(set, 0);
        return gauge;
      },
      histogram(name, help, buckets, labels) {
        note("histogram", name, help, labels);
        const histogram = new Histogram({ name, help, registers, buckets: [...buckets], labelNames: namesOf(labels) });
        for (const set of knownLabelSets(labels)) histogram.zero(set);
        return histogram;
      },
    };
  };
}

function namesOf<L extends Labels>(labels: L): Name<L>[] {
  return Object.keys(labels) as Name<L>[];
}

/** Every combination of known values; none if a label's values are not known or there is no label (prom-client then starts at 0 itself). */
function knownLabelSets<L extends Labels>(labels: L): Record<Name<L>, string>[] {
  let sets: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    if (values === undefined) return [];
    sets = sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value })));
  }
  return Object.keys(labels).length === 0 ? [] : (sets as Record<Name<L>, string>[]);
}
