// Our CustomResourceDefinition and those that we write objects of are accepted by a real API server, whole.
import { beforeAll, describe, expect, test } from "vitest";
import { at } from "../chart/helm.ts";
import { KubeError } from "./control-plane/api.ts";
import {
  chartCrds,
  cluster,
  condition,
  hasOtherCrds,
  installCrds,
  isTrue,
  strimziCrds,
} from "./control-plane/cluster.ts";

describe("CustomResourceDefinitions", () => {
  const { api } = cluster();
  beforeAll(() => installCrds(api));

  test("the chart brings one of its own", () => {
    expect(chartCrds().map(({ metadata }) => metadata.name)).toEqual(["lagscalers.scaling.alertcast.dev"]);
  });

  test.for(chartCrds().map((crd) => [crd.metadata.name, crd] as const))(
    "%s is established, with a structural schema and names of its own",
    async ([, crd]) => {
      const there = await api.get(crd);
      expect(isTrue(there, "Established")).toBe(true);
      expect(isTrue(there, "NamesAccepted")).toBe(true);
      expect(condition(there, "NonStructuralSchema")).toBeUndefined();
      expect(at(there, "spec", "preserveUnknownFields")).not.toBe(true);
    },
  );

  test.skipIf(!hasOtherCrds()).each(strimziCrds().map((crd) => [crd.metadata.name, crd] as const))(
    "%s of Strimzi is established",
    async (_, crd) => {
      expect(isTrue(await api.get(crd), "Established")).toBe(true);
    },
  );

  test("a definition with a rule that does not compile is refused", async () => {
    const schema = (rule: string) => ({
      type: "object",
      properties: {
        spec: { type: "object", properties: { a: { type: "integer" } }, "x-kubernetes-validations": [{ rule }] },
      },
    });
    const crd = (rule: string) => ({
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "things.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { kind: "Thing", plural: "things" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema(rule) } }],
      },
    });
    await api.apply(crd("self.a > 1"), { dryRun: true });
    await expect(api.apply(crd("self.b > 1"), { dryRun: true })).rejects.toThrow(KubeError);
  });
});
