// Makes the events that the benchmarks run on: about 242 bytes of JSON in the form of the original system. Pure.
import { seeded } from "../test/random.ts";

export interface Stream {
  /** Size of the fleet; 0 = every event comes from a device of its own. */
  readonly devices: number;
  /** Share of events that break a rule, each drawn for itself: any device, at any time (the hard case). 0 to 1. */
  readonly alerting: number;
  /**
   * Events that a fault lasts once it has begun (a device that alerts goes on to, then recovers); unset = each event
   * alerts for itself, so that nearly every alert opens a ticket and the next event resolves it: the hard case.
   */
  readonly faultEvents?: number;
  /** True: a device that alerts does so in the same way every time. */
  readonly steady?: boolean;
  readonly seed: number;
  /** What device ids begin with; default `dev-`. */
  readonly prefix?: string;
}

export interface MadeEvent {
  readonly deviceId: string;
  readonly json: string;
}

const REGIONS = ["us-west-2", "eu-west-1", "ap-east-1", "sa-east-1"];
const HEALTHY_MESSAGE =
  "self-test passed; battery 87 percent; uplink lte, -83 dBm; firmware 4.12.7; memory 63 percent; uptime 41 days";

/** Events without end, reproducible from the seed. `nowMs` gives each its `ts`. */
export function eventMaker(stream: Stream): (nowMs: number) => MadeEvent {
  const random = seeded(stream.seed);
  const prefix = stream.prefix ?? "dev-";
  const isBad = faults(stream, random);
  let made = 0;
  return (nowMs) => {
    const n = stream.devices === 0 ? made : Math.floor(random() * stream.devices);
    made++;
    const deviceId = `${prefix}${String(n).padStart(6, "0")}`;
    const bad = isBad(n);
    const kind = stream.steady || stream.faultEvents !== undefined ? n % 4 : Math.floor(random() * 4);
    return { deviceId, json: eventJson(deviceId, n, bad ? kind + 1 : 0, random(), nowMs) };
  };
}

/** Whether the next event of device `n` breaks a rule; the share of those that do is `alerting` from the first event on. */
function faults({ alerting, devices, faultEvents }: Stream, random: () => number): (n: number) => boolean {
  if (faultEvents === undefined) return () => random() < alerting;
  const left = Array.from({ length: devices }, () => (random() < alerting ? Math.ceil(random() * faultEvents) : 0));
  const begins = alerting / ((1 - alerting) * faultEvents);
  return (n) => {
    const rest = left[n] ?? 0;
    if (rest > 0) left[n] = rest - 1;
    else if (random() < begins) left[n] = faultEvents - 1;
    return rest > 0 || left[n] === faultEvents - 1;
  };
}

/**
 * One event.
 * @param kind 0 healthy, 1 offline, 2 degraded, 3 warm (75 to 84), 4 hot (85 and more)
 */
function eventJson(deviceId: string, n: number, kind: number, random: number, nowMs: number): string {
  const status = kind === 1 ? "offline" : kind === 2 ? "degraded" : "online";
  const base = kind === 3 ? 75 : kind === 4 ? 85 : 20;
  const temperature = (base + random * 9.9).toFixed(1);
  const region = REGIONS[n % REGIONS.length];
  const ts = new Date(nowMs).toISOString();
  return `{"device_id":"${deviceId}","status":"${status}","temperature":${temperature},"region":"${region}","ts":"${ts}","message":"${HEALTHY_MESSAGE}"}`;
}

/**
 * A rule file of `count` rules of which the first alone speaks for every alerting event, so that the number of tickets
 * does not depend on the number of rules; 0 = the default rules.
 */
export function ruleFile(count: number): string {
  const rules: unknown[] = [
    { id: "any", severity: "high", when: 'event.status != "online" || event.temperature >= 75', reason: "Unwell" },
  ];
  for (let i = 1; i < count; i++) {
    const when =
      i % 2 === 0 ? `event.temperature >= ${200 + i}` : `event.status == "state-${i}" && event.temperature > ${i}`;
    rules.push({ id: `rule-${i}`, severity: "low", when, reason: "Cannot be" });
  }
  return JSON.stringify({ apiVersion: "alertcast/v1", rules });
}
