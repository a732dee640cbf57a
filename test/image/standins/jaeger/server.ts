// Jaeger's query routes over what has come by OTLP since the start.
import { createServer } from "node:http";
import { startOtlpReceiver } from "../../../otlp-receiver.ts";

const { spans } = await startOtlpReceiver({ host: "0.0.0.0", port: 4318 });

function answer(url: string): unknown {
  if (url === "/api/services") return { data: [...new Set(spans.map(({ service }) => service))] };
  const traceID = /^\/api\/traces\/([0-9a-f]{32})$/.exec(url)?.[1];
  const found = spans.filter((span) => span.traceId === traceID);
  if (found.length === 0) return undefined;
  return { data: [{ traceID, spans: found.map(({ spanId, name }) => ({ spanID: spanId, operationName: name })) }] };
}

createServer((request, response) => {
  const body = answer(request.url ?? "");
  response.writeHead(body === undefined ? 404 : 200).end(JSON.stringify(body ?? { errors: [{ code: 404 }] }));
}).listen(16_686);
