// The services against a Kafka as the chart makes it: SCRAM over TLS, and each user with just the rights it needs.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import kafkajs, { type AclEntry, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";
import { makeAuthority } from "./harness/authority.ts";
import { freePort } from "./harness/port.ts";
import { startKafka } from "./harness/start-kafka.ts";
import { temporaryFolder } from "./harness/start-services.ts";
import { waitFor } from "./harness/wait.ts";

const {
  AclOperationTypes: Op,
  AclPermissionTypes: Permission,
  AclResourceTypes: Resource,
  ResourcePatternTypes,
} = kafkajs;
const TOPIC = "device_events";
const GROUP = "alertcast-processor";
const PASSWORDS = { "alertcast-ingestor": "i-secret", "alertcast-processor": "p-secret", nobody: "n-secret" };

/** As charts/alertcast/templates/kafka has them. */
const RIGHTS: readonly [user: keyof typeof PASSWORDS, type: number, name: string, operations: number[]][] = [
  ["alertcast-ingestor", Resource.TOPIC, TOPIC, [Op.WRITE, Op.DESCRIBE]],
  ["alertcast-processor", Resource.TOPIC, TOPIC, [Op.READ, Op.WRITE, Op.DESCRIBE, Op.DESCRIBE_CONFIGS]],
  ["alertcast-processor", Resource.GROUP, GROUP, [Op.READ]],
];

describe("a Kafka with SCRAM over TLS and narrow rights", () => {
  const stack = new AsyncDisposableStack();
  let folder: string;
  let caFile: string;
  let secure: string;
  let cluster: Cluster;

  beforeAll(async () => {
    folder = await temporaryFolder(stack, true);
    const authority = await makeAuthority(folder);
    caFile = authority.caFile;
    const port = await freePort();
    secure = `127.0.0.1:${port}`;
    const { address } = await startKafka({ folder, stack, guarded: true }, await secured(authority, port));
    await prepare(address);
    cluster = stack.use(await startCluster());
  }, 300_000);
  afterAll(() => stack.disposeAsync());

  async function secured(authority: Awaited<ReturnType<typeof makeAuthority>>, port: number) {
    const { certFile, keyFile } = await authority.issue("broker", ["IP:127.0.0.1"]);
    const pem = async (file: string) => (await readFile(file, "utf8")).trim().replaceAll("\n", "\\n");
    const store = "listener.name.secure.ssl.keystore";
    return {
      listener: `SECURE://127.0.0.1:${port}`,
      protocol: "SECURE:SASL_SSL",
      config: `
${store}.type=PEM
${store}.certificate.chain=${await pem(certFile)}
${store}.key=${await pem(keyFile)}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
`,
      format: Object.entries(PASSWORDS).flatMap(([name, password]) => [
        "--add-scram",
        `SCRAM-SHA-512=[name=${name},password=${password}]`,
      ]),
    };
  }

  /** What Strimzi's topic and user operators do. */
  async function prepare(address: string): Promise<void> {
    const admin = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const configEntries = [{ name: "message.timestamp.type", value: "LogAppendTime" }];
    await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 2, configEntries }], waitForLeaders: true });
    const acl = RIGHTS.flatMap(([user, resourceType, resourceName, operations]) =>
      operations.map(
        (operation): AclEntry => ({
          resourceType,
          resourceName,
          operation,
          resourcePatternType: ResourcePatternTypes.LITERAL,
          permissionType: Permission.ALLOW,
          principal: `User:${user}`,
          host: "*",
        }),
      ),
    );
    await admin.createAcls({ acl });
    await admin.disconnect();
  }

  async function as(user: keyof typeof PASSWORDS): Promise<Record<string, string>> {
    const file = join(folder, `${user}.password`);
    await writeFile(file, `${PASSWORDS[user]}\n`);
    return {
      KAFKA_BROKER: secure,
      TOPIC_EVENTS: TOPIC,
      TOPIC_CREATE: "false",
      CONSUMER_GROUP: GROUP,
      KAFKA_SASL_USERNAME: user,
      KAFKA_SASL_PASSWORD_FILE: file,
      KAFKA_SSL_CA_FILE: caFile,
    };
  }

  it("an event goes through ingestor and processor, each with its own user, and becomes a ticket", async () => {
    const ingestor = await cluster.ingestor(await as("alertcast-ingestor"));
    await cluster.processor("processor", await as("alertcast-processor"));
    const send = async () => {
      const body = JSON.stringify({ device_id: "secure-1", status: "offline" });
      const headers = { "content-type": "application/json" };
      return (await fetch(`${ingestor.url}/api/v1/events`, { method: "POST", headers, body })).status;
    };
    await waitFor(async () => (await send()) === 202, { what: "the ingestor to take an event", deadlineMs: 120_000 });
    const tickets = async () => (await cluster.pool.query("SELECT device_id FROM ticket")).rows;
    await waitFor(async () => (await tickets()).length > 0, { what: "the ticket", deadlineMs: 120_000 });
    expect(await tickets()).toEqual([{ device_id: "secure-1" }]);
  });

  it("a processor with the ingestor's user does not start: it may not read the topic's configuration", async () => {
    const { service } = await cluster.processor("wrong", await as("alertcast-ingestor"));
    await service.waitForLog("it needs DescribeConfigs");
    expect((await service.exited).code).toBe(2);
  });

  it("a user without rights, a wrong password and a missing password file leave a service waiting, and it says for what", async () => {
    const nobody = await as("nobody");
    const wrong = join(folder, "wrong.password");
    await writeFile(wrong, "not it");
    const later = join(folder, "later.password");
    for (const [name, env] of [
      ["no rights", nobody],
      ["wrong password", { ...(await as("alertcast-ingestor")), KAFKA_SASL_PASSWORD_FILE: wrong }],
      ["no file", { ...(await as("alertcast-ingestor")), KAFKA_SASL_PASSWORD_FILE: later }],
    ] as const) {
      const running = await cluster.ingestor(env);
      const said = async () => {
        const ready = await fetch(`${running.url}/readyz`);
        return ready.status === 503 && (await ready.text()).includes("cannot ");
      };
      await waitFor(said, { what: `the ingestor to say what is missing (${name})`, deadlineMs: 120_000 });
      if (name !== "no file") continue;
      await writeFile(later, PASSWORDS["alertcast-ingestor"]);
      await waitFor(async () => (await fetch(`${running.url}/readyz`)).ok, {
        what: "it to become ready",
        deadlineMs: 120_000,
      });
    }
  });
});
