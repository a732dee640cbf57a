import fc from "fast-check";
import { expect, it } from "vitest";
import { DeviceTable, LAST_SEEN } from "./device-table.ts";

it("devices are found again by text and by bytes, and keep their times, however many there are", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ unit: "binary", minLength: 1, maxLength: 40 }), { maxLength: 400 }),
      (ids) => {
        const table = new DeviceTable();
        const slots = new Map<string, number>();
        for (const [n, id] of ids.entries()) {
          expect(table.find(id)).toBe(-1);
          const slot = table.add(id);
          table.times[slot + LAST_SEEN] = n;
          slots.set(id, slot);
        }
        expect(table.size).toBe(ids.length);
        for (const [n, id] of ids.entries()) {
          const slot = table.find(id);
          const bytes = Buffer.from(`x${id}y`, "utf8");
          expect(slot).toBe(slots.get(id));
          expect(table.findBytes(bytes, 1, bytes.length - 1)).toBe(slot);
          expect(table.idBytes(slot).toString("utf8")).toBe(id);
          expect(table.times[slot + LAST_SEEN]).toBe(n);
        }
        expect([...table.slots()]).toEqual([...slots.values()]);
      },
    ),
    { numRuns: 100, verbose: true },
  );
});
