// A thin client of the Kubernetes API for tests: it shows what other clients hide (status, Warning headers), and knows the
// plural of a kind by asking the server. Retries nothing.

import type { IncomingHttpHeaders } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { buffer } from "node:stream/consumers";
import { at, isRecord, type KubeObject, listAt } from "../../chart/helm.ts";

const REQUEST_TIMEOUT_MS = 60_000;
const FIELD_MANAGER = "kube-test";

export interface Connection {
  readonly url: string;
  readonly token: string;
  /** The authority's certificate, PEM. */
  readonly ca: string;
}

export interface Answer {
  readonly status: number;
  /** Parsed when it is JSON, else the text. */
  readonly body: unknown;
  /** The texts of the Warning headers. */
  readonly warnings: readonly string[];
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  /** Statuses from 400 up that are an answer and no error. */
  readonly expect?: readonly number[];
}

/** What an object is called by. */
export interface Reference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** The server has refused: `status` is HTTP's, the message the server's. */
export class KubeError extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(what: string, answer: Answer) {
    super(`${what}: ${answer.status} ${at(answer.body, "message") ?? JSON.stringify(answer.body)}`);
    this.status = answer.status;
    this.body = answer.body;
  }
}

interface Resource {
  readonly plural: string;
  readonly namespaced: boolean;
}

export class KubeApi {
  readonly #connection: Connection;
  readonly #agent: Agent;
  readonly #resources = new Map<string, Resource>();

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#agent = new Agent({ keepAlive: true, ca: connection.ca });
  }

  /** The same server with another token. */
  as(token: string): KubeApi {
    return new KubeApi({ ...this.#connection, token });
  }

  /** One request. Throws KubeError on a status from 400 up that is not expected. */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const answer = await this.#send(method, path, options);
    if (answer.status >= 400 && !options.expect?.includes(answer.status)) {
      throw new KubeError(`${method} ${path}`, answer);
    }
    return answer;
  }

  /**
   * Server-side apply, forced, with strict field validation; `dryRun` changes nothing.
   * Returns the answer with its warnings; throws KubeError when the object is refused.
   */
  async apply(object: KubeObject, options: { dryRun?: boolean; namespace?: string } = {}): Promise<Answer> {
    const query = new URLSearchParams({ fieldManager: FIELD_MANAGER, fieldValidation: "Strict", force: "true" });
    if (options.dryRun) query.set("dryRun", "All");
    const path = await this.path(object, options.namespace);
    return await this.request("PATCH", `${path}?${query}`, {
      body: object,
      contentType: "application/apply-patch+yaml",
    });
  }

  /** A merge patch of an object or, with `part`, of its subresource. */
  async patch(reference: Reference, body: unknown, part?: "status" | "scale"): Promise<unknown> {
    const path = `${await this.path(reference)}${part === undefined ? "" : `/${part}`}`;
    return (await this.request("PATCH", path, { body, contentType: "application/merge-patch+json" })).body;
  }

  /** The object; undefined when it is not there. */
  async get(reference: Reference): Promise<KubeObject | undefined> {
    const { status, body } = await this.request("GET", await this.path(reference), { expect: [404] });
    return status === 404 ? undefined : asObject(body);
  }

  /** The objects of a kind in a namespace, or of the cluster. */
  async list(apiVersion: string, kind: string, namespace?: string): Promise<KubeObject[]> {
    const { body } = await this.request("GET", await this.#collection(apiVersion, kind, namespace));
    return listAt(body, "items").map((item) => asObject({ apiVersion, kind, ...Object(item) }));
  }

  /** Deletes it, dependents in the background. Harmless when it is not there. */
  async remove(reference: Reference): Promise<void> {
    await this.request("DELETE", `${await this.path(reference)}?propagationPolicy=Background`, { expect: [404] });
  }

  /** A token of a ServiceAccount, valid for an hour, by TokenRequest. */
  async token(namespace: string, account: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3600 } };
    return String(at((await this.request("POST", path, { body })).body, "status", "token"));
  }

  /** The path of an object; `namespace` where the object names none. */
  async path(reference: Reference, namespace?: string): Promise<string> {
    const { apiVersion, kind, metadata } = reference;
    const { namespaced } = await this.#resource(apiVersion, kind);
    const collection = await this.#collection(
      apiVersion,
      kind,
      namespaced ? (metadata.namespace ?? namespace ?? "default") : undefined,
    );
    return `${collection}/${metadata.name}`;
  }

  async #collection(apiVersion: string, kind: string, namespace: string | undefined): Promise<string> {
    const { plural } = await this.#resource(apiVersion, kind);
    return `${groupPath(apiVersion)}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${plural}`;
  }

  async #resource(apiVersion: string, kind: string): Promise<Resource> {
    const known = this.#resources.get(`${apiVersion} ${kind}`);
    if (known !== undefined) return known;
    const { body } = await this.request("GET", groupPath(apiVersion));
    for (const resource of listAt(body, "resources")) {
      const plural = String(at(resource, "name"));
      if (plural.includes("/")) continue;
      const found = { plural, namespaced: at(resource, "namespaced") === true };
      this.#resources.set(`${apiVersion} ${at(resource, "kind")}`, found);
    }
    const found = this.#resources.get(`${apiVersion} ${kind}`);
    if (found === undefined) throw new Error(`the server knows no ${apiVersion} ${kind}`);
    return found;
  }

  async #send(method: string, path: string, options: RequestOptions): Promise<Answer> {
    const text = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = {
      authorization: `Bearer ${this.#connection.token}`,
      accept: options.accept ?? "application/json",
      ...(text !== undefined && {
        "content-type": options.contentType ?? "application/json",
        "content-length": String(Buffer.byteLength(text)),
      }),
    };
    const request = httpsRequest(`${this.#connection.url}${path}`, {
      method,
      headers,
      agent: this.#agent,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    request.on("error", reject);
    request.on("response", (response) => {
      buffer(response).then(
        (bytes) =>
          resolve({ status: response.statusCode ?? 0, body: parse(bytes), warnings: warnings(response.headers) }),
        reject,
      );
    });
    request.end(text);
    return await promise;
  }
}

function groupPath(apiVersion: string): string {
  return apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function parse(bytes: Buffer): unknown {
  const text = bytes.toString("utf8");
  return text.startsWith("{") ? JSON.parse(text) : text;
}

/** RFC 7234: `299 - "text"`, several with commas between them. */
function warnings(headers: IncomingHttpHeaders): string[] {
  const header = headers.warning ?? "";
  return [...header.matchAll(/\d{3} \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => (text ?? "").replaceAll("\\", ""));
}

function asObject(value: unknown): KubeObject {
  if (!isRecord(value) || typeof value.kind !== "string" || !isRecord(value.metadata)) {
    throw new Error(`not a Kubernetes object: ${JSON.stringify(value)}`);
  }
  const { apiVersion, metadata } = value;
  return {
    ...value,
    apiVersion: String(apiVersion),
    kind: value.kind,
    metadata: { ...metadata, name: String(metadata.name) },
  };
}
