// Brings the CRDs of a folder (the argument) up to date by server-side apply. Run in the pod of the chart's crds.upgradeHook.
import { readdir, readFile } from "node:fs/promises";

const folder = process.argv[1];
const token = await readFile("/var/run/secrets/kubernetes.io/serviceaccount/token", "utf8");

for (const file of (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort()) {
  const body = await readFile(`${folder}/${file}`, "utf8");
  // A CRD's file is named <group>_<plural>.yaml.
  const [group, plural] = file.slice(0, -".yaml".length).split("_");
  const url = `https://kubernetes.default.svc/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.${group}`;
  // Forced: Helm owns the fields since the installation.
  const response = await fetch(`${url}?fieldManager=alertcast-crd-upgrade&force=true`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${token.trim()}`, "content-type": "application/apply-patch+yaml" },
    body,
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`${file}: ${response.status} ${await response.text()}`);
  process.stdout.write(`${file} is applied\n`);
}
