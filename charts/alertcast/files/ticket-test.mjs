// `helm test`: an event goes in, its ticket comes out, and the device's recovery closes it. Arguments: the base addresses of
// ingestor and api. It stands on the default rule `device-degraded`.
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

const [, ingestor, api] = process.argv;
const device = `helm-test-${randomUUID()}`;
const deadline = AbortSignal.timeout(240_000);

async function send(status) {
  const response = await fetch(`${ingestor}/api/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ device_id: device, status, event_id: randomUUID(), message: "helm test" }),
    signal: deadline,
  });
  if (response.status !== 202) throw new Error(`event refused: ${response.status} ${await response.text()}`);
}

async function ticketThatIs(status) {
  for (;;) {
    const response = await fetch(`${api}/api/v1/tickets?device=${device}&status=${status}`, { signal: deadline });
    if (response.ok) {
      const { items } = await response.json();
      if (items.length > 0) return items[0];
    }
    await pause(1000, undefined, { signal: deadline });
  }
}

await send("degraded");
process.stdout.write(`sent an event of ${device}\n`);
process.stdout.write(`ticket ${(await ticketThatIs("open")).id} is open\n`);
await send("online");
process.stdout.write(`ticket ${(await ticketThatIs("resolved")).id} is resolved\n`);
