// The /api/v1 routes that read tickets and dead letters: pages with a link to the next, and single tickets.
import Router from "@koa/router";
import type { Context } from "koa";
import { AlertCastError } from "../errors.ts";
import type { Page, TicketReader } from "../ticket/read.ts";
import { encodeCursor } from "./cursor.ts";
import { presentDeadLetter, presentDetail, presentTicket } from "./present.ts";
import {
  checkQuery,
  DEAD_LETTER_PARAMETERS,
  type ListQuery,
  readDeadLetterList,
  readTicketList,
  TICKET_PARAMETERS,
} from "./query.ts";
import { refuse } from "./refuse.ts";

/** Tickets, one ticket, dead letters. */
export function ticketRouter(reader: TicketReader): Router {
  const router = new Router();
  router.get("/api/v1/tickets", async (ctx) => {
    const query = checkQuery(ctx.querystring, TICKET_PARAMETERS, readTicketList);
    if (!query.ok) return refuse(ctx, query.errors);
    sendPage(ctx, query.value, await reader.list(query.value.filter, query.value.page), presentTicket);
  });
  router.get("/api/v1/tickets/:id", async (ctx) => {
    const query = checkQuery(ctx.querystring, [], () => undefined);
    if (!query.ok) return refuse(ctx, query.errors);
    const id = idOf(ctx.params.id);
    const ticket = id === undefined ? undefined : await reader.get(id);
    if (ticket === undefined) throw new AlertCastError("not-found", "There is no ticket with this id.");
    ctx.set("Cache-Control", "no-store");
    ctx.body = presentDetail(ticket);
  });
  router.get("/api/v1/dead-letters", async (ctx) => {
    const query = checkQuery(ctx.querystring, DEAD_LETTER_PARAMETERS, readDeadLetterList);
    if (!query.ok) return refuse(ctx, query.errors);
    sendPage(ctx, query.value, await reader.deadLetters(query.value.filter, query.value.page), presentDeadLetter);
  });
  return router;
}

/** Undefined for text that no id looks like: there is no such ticket. */
function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^[1-9]\d{0,15}$/.test(text)) return undefined;
  const id = Number(text);
  return Number.isSafeInteger(id) ? id : undefined;
}

function sendPage<T>(ctx: Context, query: ListQuery<unknown>, page: Page<T>, present: (item: T) => object): void {
  let next: string | null = null;
  if (page.next !== undefined) {
    const parameters = new URLSearchParams(query.again);
    parameters.set("cursor", encodeCursor(query.boundTo, page.next));
    next = `${ctx.path}?${parameters}`;
    ctx.set("Link", `<${next}>; rel="next"`);
  }
  ctx.set("Cache-Control", "no-store");
  ctx.body = {
    items: page.items.map(present),
    next,
    ...(page.scannedUntil !== undefined && { scanned_until: page.scannedUntil }),
  };
}
