// Decides what a fleet of devices that do not exist reports. Pure: the same seed and times give the same events.
import { createRandom } from "./random.ts";

/** An event of the contract. */
export interface SimulatedEvent {
  readonly device_id: string;
  readonly status: "online" | "degraded" | "offline";
  readonly temperature: number;
  readonly region: string;
  readonly ts: string;
  readonly event_id: string;
  readonly message?: string;
}

export interface Simulator {
  /** The next event of the fleet: devices report in turn. @param nowMs its ts, ms since 1970 */
  next(nowMs: number): SimulatedEvent;
}

interface Fault {
  readonly status: SimulatedEvent["status"];
  readonly message: string;
  /** Where the temperature goes while it lasts; undefined = it stays normal. */
  readonly temperature: number | undefined;
  reportsLeft: number;
}

interface Device {
  readonly id: string;
  readonly region: string;
  readonly normalTemperature: number;
  temperature: number;
  fault: Fault | undefined;
}

const REGIONS = ["us-west", "us-east", "eu-central", "ap-south"];
/** Of a healthy device, at each report. */
const FAULT_PROBABILITY = 0.04;

/**
 * @param seed 32-bit integer
 * @param devices size of the fleet, >= 1
 */
export function simulate(seed: number, devices: number): Simulator {
  const random = createRandom(seed);
  const between = (low: number, high: number) => low + (high - low) * random();
  const fleet = Array.from({ length: devices }, (_, index): Device => {
    const normalTemperature = between(35, 60);
    return {
      id: `dev-${index + 1}`,
      region: REGIONS[Math.floor(random() * REGIONS.length)] ?? "",
      normalTemperature,
      temperature: normalTemperature,
      fault: undefined,
    };
  });
  let count = 0;
  return {
    next(nowMs) {
      const device = fleet[count % devices] as Device;
      age(device, random, between);
      const ts = new Date(nowMs).toISOString();
      return {
        device_id: device.id,
        status: device.fault?.status ?? "online",
        temperature: Math.round(device.temperature * 10) / 10,
        region: device.region,
        ts,
        // With the time in it, a fleet that starts again does not repeat the ids of the last one.
        event_id: `sim-${seed}-${nowMs}-${count++}`,
        ...(device.fault === undefined ? {} : { message: device.fault.message }),
      };
    },
  };
}

/** From one report of a device to its next. */
function age(device: Device, random: () => number, between: (low: number, high: number) => number): void {
  if (device.fault !== undefined && --device.fault.reportsLeft <= 0) device.fault = undefined;
  else if (device.fault === undefined && random() < FAULT_PROBABILITY) device.fault = newFault(random, between);
  const target = device.fault?.temperature ?? device.normalTemperature;
  device.temperature += (target - device.temperature) * 0.4 + between(-0.8, 0.8);
}

function newFault(random: () => number, between: (low: number, high: number) => number): Fault {
  const reportsLeft = Math.floor(between(4, 12));
  const kind = random();
  if (kind < 0.5) return { status: "online", message: "cooling fan slow", temperature: between(78, 96), reportsLeft };
  if (kind < 0.8) return { status: "degraded", message: "packet loss", temperature: undefined, reportsLeft };
  return { status: "offline", message: "no answer from the device", temperature: undefined, reportsLeft };
}
