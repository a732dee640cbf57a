// Makes Kubernetes Secrets with random values where they are missing. Never changes one that is there.
import { randomBytes } from "node:crypto";
import { ApiException, CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { AlertCastError, messageOf } from "../../pkg/errors.ts";

/** 32 characters of base64url: 192 bits. */
const RANDOM_BYTES = 24;

export interface Secrets {
  /**
   * Makes sure that the Secret is there and has these keys.
   * @throws `conflict` when it is there and lacks a key; `not-found` without its namespace; `unavailable`
   */
  ensure(name: string, keys: readonly string[]): Promise<"made" | "kept">;
}

/** The Secrets of the pod's own namespace, or of the current context's outside of a cluster. */
export function kubeSecrets(config: KubeConfig = defaultConfig()): Secrets {
  const api = config.makeApiClient(CoreV1Api);
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? "default";
  const find = async (name: string) => {
    try {
      return await api.readNamespacedSecret({ name, namespace });
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };
  const ensure = async (name: string, keys: readonly string[]) => {
    const found = await find(name);
    if (found === undefined) {
      await api.createNamespacedSecret({ namespace, body: newSecret(name, keys) });
      return "made";
    }
    const missing = keys.filter((key) => found.data?.[key] === undefined);
    if (missing.length === 0) return "kept";
    throw new AlertCastError("conflict", `Secret ${name} lacks ${missing.join(", ")}: add it, or delete the Secret`);
  };
  return {
    async ensure(name, keys) {
      try {
        return await ensure(name, keys);
      } catch (error) {
        throw translated(error, name);
      }
    },
  };
}

function defaultConfig(): KubeConfig {
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}

function newSecret(name: string, keys: readonly string[]) {
  return {
    metadata: { name, labels: { "app.kubernetes.io/managed-by": "alertcast-setup" } },
    type: "Opaque",
    stringData: Object.fromEntries(keys.map((key) => [key, randomBytes(RANDOM_BYTES).toString("base64url")])),
  };
}

function statusOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

/** A refusal by rights is no matter of time; everything else may be, a Secret that another one made just now included. */
function translated(error: unknown, name: string): AlertCastError {
  if (error instanceof AlertCastError) return error;
  const status = statusOf(error);
  const what = `cannot make Secret ${name}`;
  if (status === 403) return new AlertCastError("invalid", `${what}: the service account may not`, { cause: error });
  if (status === 404) return new AlertCastError("not-found", `${what}: its namespace is not there`, { cause: error });
  return new AlertCastError("unavailable", `${what}: ${status ?? messageOf(error)}`, { cause: error });
}
