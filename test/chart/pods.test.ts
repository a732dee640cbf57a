// What every pod of the chart has in common: restricted security, images, probes, rights.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { at, hasHelm, type KubeObject, listAt, only, PATIENTLY, podOf, render, VALUES_FILES } from "./helm.ts";

const ROOT = join(import.meta.dirname, "../..");
const MIRROR = "mirror.example.org";
const API_USERS = new Set(["operator", "setup", "crd-upgrade"]);

const podsOf = (objects: readonly KubeObject[]) =>
  objects.flatMap((object) => {
    const pod = podOf(object);
    return pod === undefined ? [] : [{ object, pod, containers: listAt(pod, "spec", "containers") }];
  });

/** What the restricted Pod Security Standard and this chart's own rules want of a pod. */
function offences(pod: unknown, containers: readonly unknown[]): string[] {
  const found: string[] = [];
  const want = (holds: boolean, what: string) => holds || found.push(what);
  const security = at(pod, "spec", "securityContext");
  want(at(security, "runAsNonRoot") === true, "runAsNonRoot");
  want(at(security, "runAsUser") !== 0, "runAsUser 0");
  want(at(security, "seccompProfile", "type") === "RuntimeDefault", "seccompProfile");
  for (const field of ["hostNetwork", "hostPID", "hostIPC"]) want(at(pod, "spec", field) === undefined, field);
  want(listAt(pod, "spec", "initContainers").length === 0, "init containers");
  for (const volume of listAt(pod, "spec", "volumes")) {
    want(
      ["emptyDir", "secret", "configMap"].some((kind) => at(volume, kind) !== undefined),
      `volume ${at(volume, "name")}`,
    );
  }
  for (const container of containers) {
    const own = at(container, "securityContext");
    want(at(own, "allowPrivilegeEscalation") === false, "allowPrivilegeEscalation");
    want(at(own, "readOnlyRootFilesystem") === true, "readOnlyRootFilesystem");
    want(
      listAt(own, "capabilities", "drop").join() === "ALL" && at(own, "capabilities", "add") === undefined,
      "capabilities",
    );
    want(at(own, "privileged") === undefined && at(own, "runAsUser") === undefined, "overrides");
    want(
      listAt(container, "ports").every((port) => at(port, "hostPort") === undefined),
      "hostPort",
    );
  }
  return found;
}

describe.skipIf(!hasHelm())("pods", PATIENTLY, () => {
  test.each(VALUES_FILES)(
    "of %s are restricted, bounded in memory, and without links and needless tokens",
    async (file) => {
      for (const { object, pod, containers } of podsOf(await render({ values: [file] }))) {
        const name = object.metadata.name;
        expect(offences(pod, containers), name).toEqual([]);
        expect(at(pod, "spec", "enableServiceLinks"), name).toBe(false);
        const component = String(at(pod, "metadata", "labels", "app.kubernetes.io/component"));
        const token = at(pod, "spec", "automountServiceAccountToken");
        if (API_USERS.has(component)) expect(typeof token, name).toBe("boolean");
        else expect(token, name).toBe(false);
        for (const container of containers) {
          expect(at(container, "resources", "limits", "memory"), name).toBe(
            at(container, "resources", "requests", "memory"),
          );
          expect(at(container, "resources", "limits", "cpu"), name).toBeUndefined();
          expect(at(container, "resources", "requests", "cpu"), name).toBeDefined();
        }
      }
    },
  );

  test("a pod that breaks the standard is found (control)", () => {
    expect(offences({ spec: { hostNetwork: true, volumes: [{ name: "a", hostPath: {} }] } }, [{}])).toHaveLength(7);
  });

  test.each(VALUES_FILES)("of %s take every image from global.imageRegistry, by a version", async (file) => {
    const objects = await render({ values: [file], set: [`global.imageRegistry=${MIRROR}`] });
    const images = podsOf(objects).flatMap(({ containers }) =>
      containers.map((container) => String(at(container, "image"))),
    );
    expect(images.length).toBeGreaterThan(4);
    for (const image of images) {
      expect(image).toMatch(/^mirror\.example\.org\/[^:]+:[^:]+/);
      expect(image).not.toMatch(/:latest(@|$)/);
      expect(image.split("/").slice(1).join("/"), "one registry only").not.toMatch(/^[^/]*[.:][^/]*\//);
    }
    expect(JSON.stringify(objects)).not.toMatch(/"image":"(?!mirror\.example\.org)/);
  });

  test.each(VALUES_FILES)("of %s set no variable for our programs that no program reads", async (file) => {
    const sources = globSync("{cmd,pkg}/**/*.ts", { cwd: ROOT, exclude: ["**/*.test.ts"] });
    const code = sources.map((path) => readFileSync(join(ROOT, path), "utf8")).join("\n");
    const isOurs = (container: unknown) => /(^|\/)alertcast:/.test(String(at(container, "image")));
    const ours = podsOf(await render({ values: [file] })).flatMap(({ containers }) => containers.filter(isOurs));
    const names = ours.flatMap((container) => listAt(container, "env").map((variable) => String(at(variable, "name"))));
    expect(names.length).toBeGreaterThan(20);
    // Node reads its own; a role's two are put together from its name.
    const known = /^(NODE_\w+|SETUP_(PROCESSOR|API)_(USER|PASSWORD_FILE))$/;
    const unread = names.filter((name) => !known.test(name) && !new RegExp(`\\b${name}\\b`).test(code));
    expect([...new Set(unread)]).toEqual([]);
  });

  test("the services are asked at port 9464: livez for life, readyz for work", async () => {
    for (const { object, containers } of podsOf(await render()).filter(({ object }) => object.kind === "Deployment")) {
      const [container] = containers;
      const name = object.metadata.name;
      expect(at(container, "livenessProbe", "httpGet"), name).toEqual({ path: "/livez", port: "metrics" });
      expect(at(container, "readinessProbe", "httpGet"), name).toEqual({ path: "/readyz", port: "metrics" });
      expect(at(container, "startupProbe", "httpGet"), name).toEqual({ path: "/livez", port: "metrics" });
      expect(at(object, "spec", "progressDeadlineSeconds"), name).toBe(900);
      expect(at(object, "spec", "template", "spec", "terminationGracePeriodSeconds"), name).toBe(40);
    }
  });

  test("the processor never surges over what the scaler asked for; the others never fall below", async () => {
    const objects = await render();
    const strategy = (component: string) =>
      at(only(objects, "Deployment", `alertcast-${component}`), "spec", "strategy", "rollingUpdate");
    expect(strategy("processor")).toEqual({ maxSurge: 0, maxUnavailable: "25%" });
    for (const component of ["ingestor", "api"])
      expect(strategy(component)).toEqual({ maxSurge: 1, maxUnavailable: 0 });
  });

  test("PodDisruptionBudgets select the pods of their component and let broken ones go", async () => {
    const objects = await render();
    const budgets = objects.filter(({ kind }) => kind === "PodDisruptionBudget");
    expect(budgets.map(({ metadata, spec }) => [metadata.name, at(spec, "maxUnavailable")])).toEqual([
      ["alertcast-api", 1],
      ["alertcast-ingestor", 1],
      ["alertcast-processor", "25%"],
    ]);
    for (const budget of budgets) {
      expect(at(budget, "spec", "unhealthyPodEvictionPolicy")).toBe("AlwaysAllow");
      const deployment = only(objects, "Deployment", budget.metadata.name);
      expect(at(budget, "spec", "selector")).toEqual(at(deployment, "spec", "selector"));
    }
  });
});

describe.skipIf(!hasHelm())("passwords", PATIENTLY, () => {
  test.each(VALUES_FILES)("of %s come as files of Secrets that the chart does not hold", async (file) => {
    const objects = await render({ values: [file] });
    expect(objects.filter(({ kind }) => kind === "Secret")).toEqual([]);
    for (const { object, pod, containers } of podsOf(objects)) {
      for (const variable of containers.flatMap((container) => listAt(container, "env"))) {
        expect(at(variable, "valueFrom", "secretKeyRef"), object.metadata.name).toBeUndefined();
        const name = String(at(variable, "name"));
        if (/PASSWORD/.test(name)) expect(name, object.metadata.name).toMatch(/_FILE$/);
      }
      const mounts = containers.flatMap((container) => listAt(container, "volumeMounts"));
      const paths = mounts.map((mount) => String(at(mount, "mountPath")));
      const files = containers.flatMap((c) => listAt(c, "env")).filter((v) => /_FILE$/.test(String(at(v, "name"))));
      for (const path of files.map((variable) => String(at(variable, "value")))) {
        const mount = mounts.find((m) => path.startsWith(`${at(m, "mountPath")}/`));
        const volume = listAt(pod, "spec", "volumes").find((v) => at(v, "name") === at(mount, "name"));
        const items = listAt(volume, "secret", "items").concat(listAt(volume, "configMap", "items"));
        expect(
          items.map((item) => `${at(mount, "mountPath")}/${at(item, "path")}`),
          `${object.metadata.name} ${path}`,
        ).toContain(path);
        expect(at(mount, "subPath"), path).toBeUndefined();
      }
      expect(paths.length).toBe(new Set(paths).size);
    }
  });

  test("each service sees its own role's password alone; setup waits for all three", async () => {
    const objects = await render();
    const items = (kind: string, name: string) => {
      const object = objects.find((o) => o.kind === kind && o.metadata.name.startsWith(name));
      const volumes = listAt(object, "spec", "template", "spec", "volumes");
      const volume = volumes.find((v) => at(v, "name") === "postgresql");
      return {
        keys: listAt(volume, "secret", "items").map((item) => at(item, "key")),
        optional: at(volume, "secret", "optional"),
      };
    };
    expect(items("Deployment", "alertcast-processor")).toEqual({ keys: ["processor"], optional: undefined });
    expect(items("Deployment", "alertcast-api")).toEqual({ keys: ["api"], optional: undefined });
    expect(items("Deployment", "alertcast-ingestor")).toEqual({ keys: [], optional: undefined });
    expect(items("Job", "alertcast-setup")).toEqual({ keys: ["owner", "processor", "api"], optional: true });
  });

  test("setup leaves the log of each try behind, as its pods are not restarted", async () => {
    const job = (await render()).find(({ kind }) => kind === "Job");
    expect(at(job, "spec", "template", "spec", "restartPolicy")).toBe("Never");
    expect(at(job, "spec", "backoffLimit")).toBe(6);
  });

  test("setup makes what the pods mount, and may read nothing else", async () => {
    const objects = await render();
    const job = objects.find(({ kind }) => kind === "Job");
    const env = listAt(job, "spec", "template", "spec", "containers", 0, "env");
    const variable = env.find((v) => at(v, "name") === "SETUP_SECRETS");
    expect(JSON.parse(String(at(variable, "value")))).toEqual({
      "alertcast-postgresql": ["api", "owner", "processor"],
      "alertcast-redis": ["password"],
    });
    expect(only(objects, "Role", "alertcast-setup").rules).toEqual([
      { apiGroups: [""], resources: ["secrets"], verbs: ["create"] },
      {
        apiGroups: [""],
        resources: ["secrets"],
        resourceNames: ["alertcast-postgresql", "alertcast-redis"],
        verbs: ["get"],
      },
    ]);
    const own = await render({ values: ["ci/cluster-there-values.yaml"] });
    expect(own.filter(({ kind, metadata }) => kind === "Role" && metadata.name === "alertcast-setup")).toEqual([]);
    expect(
      at(
        own.find(({ kind }) => kind === "Job"),
        "spec",
        "template",
        "spec",
        "automountServiceAccountToken",
      ),
    ).toBe(false);
  });
});

describe.skipIf(!hasHelm())("the operator's Role", PATIENTLY, () => {
  const rights = (role: KubeObject) =>
    listAt(role, "rules").map(
      (rule) =>
        `${listAt(rule, "apiGroups").join()}/${listAt(rule, "resources").join()} [${listAt(rule, "resourceNames").join()}]: ${listAt(rule, "verbs").join(" ")}`,
    );

  test("is this list and nothing else: no Secrets, no write but scale, status, events and its Lease", async () => {
    const objects = await render({ values: ["ci/full-values.yaml"] });
    expect(rights(only(objects, "Role", "alertcast-operator"))).toEqual([
      "scaling.alertcast.dev/lagscalers []: get list watch",
      "scaling.alertcast.dev/lagscalers/status []: get patch",
      "apps/deployments []: get list watch",
      "apps/deployments/scale [alertcast-processor,other]: get patch",
      "autoscaling/horizontalpodautoscalers []: list",
      "events.k8s.io/events []: create patch",
      "coordination.k8s.io/leases []: create",
      "coordination.k8s.io/leases [alertcast-operator]: get update",
    ]);
    const bindings = objects.filter(
      ({ kind, roleRef }) => kind.endsWith("RoleBinding") && at(roleRef, "name") === "alertcast-operator",
    );
    expect(bindings.map(({ subjects }) => subjects)).toEqual([
      [{ kind: "ServiceAccount", name: "alertcast-operator", namespace: "alertcast" }],
    ]);
    const env = listAt(
      only(objects, "Deployment", "alertcast-operator"),
      "spec",
      "template",
      "spec",
      "containers",
      0,
      "env",
    );
    expect(env).toContainEqual({ name: "OPERATOR_LEASE", value: "alertcast-operator" });
  });

  test("nothing of the cluster is asked for unless it is switched on", async () => {
    const cluster = ({ kind }: KubeObject) => kind.startsWith("ClusterRole");
    for (const file of VALUES_FILES.filter((name) => !name.includes("full"))) {
      expect((await render({ values: [file] })).filter(cluster)).toEqual([]);
    }
    const full = (await render({ values: ["ci/full-values.yaml"] })).filter(cluster);
    const text = JSON.stringify(full.map(({ rules }) => rules));
    expect(text).not.toContain("secrets");
    expect(text).not.toContain("*");
  });
});
