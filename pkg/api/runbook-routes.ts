// Serves the runbooks that alerts link to, from memory: they open while stores, and the internet, are away.
import Router from "@koa/router";
import { AlertCastError } from "../errors.ts";

/** /docs/runbooks/<name>: Markdown, for browsers as it stands on a page. */
export function runbookRouter(runbooks: ReadonlyMap<string, string>): Router {
  const router = new Router();
  router.get("/docs/runbooks/:name", (ctx) => {
    const name = ctx.params.name ?? "";
    const text = runbooks.get(name);
    if (text === undefined) throw new AlertCastError("not-found", "There is no runbook of this name.");
    ctx.vary("Accept");
    if (ctx.accepts("text/markdown", "text/html") === "text/html") {
      ctx.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
      ctx.type = "text/html; charset=utf-8";
      ctx.body = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(name)}</title><pre>${escaped(text)}</pre></html>\n`;
    } else {
      ctx.type = "text/markdown; charset=utf-8";
      ctx.body = text;
    }
  });
  return router;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
