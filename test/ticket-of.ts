// What became of a device's events, as the API shows it.
import { waitFor } from "./harness/wait.ts";

/** The newest ticket of this device, once there is one. */
export async function ticketOf(api: string, device: string): Promise<{ evidence: { trace_id: string | null } }> {
  const id = await waitFor(
    async () => {
      const list = (await (await fetch(`${api}/api/v1/tickets?device=${device}`)).json()) as {
        items: { id: string }[];
      };
      return list.items[0]?.id;
    },
    { what: `a ticket of ${device}`, deadlineMs: 180_000 },
  );
  return (await (await fetch(`${api}/api/v1/tickets/${id}`)).json()) as { evidence: { trace_id: string | null } };
}
