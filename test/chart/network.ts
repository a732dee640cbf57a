// Evaluates NetworkPolicies as Kubernetes defines them: a pod that no policy selects in a direction is open in it; a selected
// one allows what any of its policies allows. Knows labels and namespaces, no addresses but those of ipBlock.
import { BlockList } from "node:net";
import { at, isRecord, type KubeObject, listAt } from "./helm.ts";

export type Labels = Readonly<Record<string, string>>;

/** A pod, or something outside of the cluster (an address). */
export type Endpoint =
  | { readonly labels: Labels; readonly namespace: string; readonly namespaceLabels?: Labels }
  | { readonly ip: string };

export interface Flow {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly port: number;
  readonly protocol?: "TCP" | "UDP";
}

/** Whether these policies let the flow out of its source and into its target. */
export function isAllowed(policies: readonly KubeObject[], flow: Flow): boolean {
  return leaves(policies, flow) && enters(policies, flow);
}

/** Whether the source's own policies let it out. */
export function leaves(policies: readonly KubeObject[], flow: Flow): boolean {
  return passes(policies, "Egress", flow.from, flow.to, flow);
}

/** Whether the target's own policies let it in. */
export function enters(policies: readonly KubeObject[], flow: Flow): boolean {
  return passes(policies, "Ingress", flow.to, flow.from, flow);
}

type Direction = "Ingress" | "Egress";

function passes(policies: readonly KubeObject[], direction: Direction, self: Endpoint, peer: Endpoint, flow: Flow) {
  if (!("labels" in self)) return true;
  const selecting = policies.filter(
    (policy) =>
      policy.metadata.namespace === self.namespace &&
      matches(at(policy, "spec", "podSelector"), self.labels) &&
      listAt(policy, "spec", "policyTypes").includes(direction),
  );
  if (selecting.length === 0) return true;
  const [rules, peers] = direction === "Ingress" ? ["ingress", "from"] : ["egress", "to"];
  return selecting.some((policy) =>
    listAt(policy, "spec", rules).some(
      (rule) => portMatches(rule, flow) && peerMatches(rule, peers, peer, String(policy.metadata.namespace)),
    ),
  );
}

function portMatches(rule: unknown, { port, protocol = "TCP" }: Flow): boolean {
  const ports = listAt(rule, "ports");
  return ports.length === 0 || ports.some((p) => at(p, "port") === port && (at(p, "protocol") ?? "TCP") === protocol);
}

function peerMatches(rule: unknown, key: string, peer: Endpoint, namespace: string): boolean {
  const peers = listAt(rule, key);
  return peers.length === 0 || peers.some((selector) => selectorMatches(selector, peer, namespace));
}

function selectorMatches(selector: unknown, peer: Endpoint, namespace: string): boolean {
  const block = at(selector, "ipBlock");
  if (block !== undefined) return "ip" in peer && inBlock(block, peer.ip);
  if (!("labels" in peer)) return false;
  const pods = at(selector, "podSelector");
  const namespaces = at(selector, "namespaceSelector");
  const names = { "kubernetes.io/metadata.name": peer.namespace, ...peer.namespaceLabels };
  const inNamespace = namespaces === undefined ? peer.namespace === namespace : matches(namespaces, names);
  return inNamespace && (pods === undefined || matches(pods, peer.labels));
}

function inBlock(block: unknown, ip: string): boolean {
  const contains = (cidr: unknown) => {
    const [address = "", bits] = String(cidr).split("/");
    const list = new BlockList();
    list.addSubnet(address, Number(bits));
    return list.check(ip);
  };
  return contains(at(block, "cidr")) && !listAt(block, "except").some(contains);
}

function matches(selector: unknown, labels: Labels): boolean {
  const wanted = at(selector, "matchLabels");
  const equal = !isRecord(wanted) || Object.entries(wanted).every(([key, value]) => labels[key] === value);
  return equal && listAt(selector, "matchExpressions").every((expression) => expressionMatches(expression, labels));
}

function expressionMatches(expression: unknown, labels: Labels): boolean {
  const value = labels[String(at(expression, "key"))];
  const values = listAt(expression, "values");
  switch (at(expression, "operator")) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      throw new Error(`unknown operator in ${JSON.stringify(expression)}`);
  }
}
