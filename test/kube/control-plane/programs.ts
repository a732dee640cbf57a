// Finds the control plane's programs in the user's cache. Builds nothing (scripts/build-control-plane.sh does).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, isUsable } from "../../harness/tools.ts";

const VERSIONS = readFileSync(new URL("versions.env", import.meta.url), "utf8");
const VERSION = /^KUBERNETES_VERSION=(.+)$/m.exec(VERSIONS)?.[1];
const PROGRAMS = ["etcd", "kube-apiserver", "kube-controller-manager"] as const;

/** The path of one program; it may not be there. */
export function programPath(name: (typeof PROGRAMS)[number]): string {
  return join(cacheFolder(), "bin", `kubernetes-${VERSION}`, name);
}

/** The programs that are not there. */
export function missingPrograms(): string[] {
  return PROGRAMS.filter((name) => !isUsable(programPath(name)));
}
