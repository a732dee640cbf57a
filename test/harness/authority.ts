// A certificate authority of a test's own, and certificates it signs, as PEM files. Made by the openssl program.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const DAYS = ["-days", "2"];
const EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export interface Authority {
  /** The authority's certificate. */
  readonly caFile: string;
  /** Signs a server's certificate for these names, such as `DNS:localhost` and `IP:127.0.0.1`; the key is PKCS #8. */
  issue(name: string, altNames: readonly string[]): Promise<{ certFile: string; keyFile: string }>;
}

/** Makes the authority in this folder. */
export async function makeAuthority(folder: string): Promise<Authority> {
  const caFile = join(folder, "ca.crt");
  const caKey = join(folder, "ca.key");
  const subject = ["-subj", `/CN=test authority ${randomBytes(4).toString("hex")}`];
  await run("openssl", ["req", "-x509", ...EC_KEY, ...subject, ...DAYS, "-keyout", caKey, "-out", caFile]);
  return {
    caFile,
    async issue(name, altNames) {
      const [certFile, keyFile, request, extensions] = ["crt", "key", "csr", "ext"].map((end) =>
        join(folder, `${name}.${end}`),
      );
      if (!certFile || !keyFile || !request || !extensions) throw new Error("no file names");
      await writeFile(extensions, `subjectAltName=${altNames.join(",")}\n`);
      await run("openssl", ["req", ...EC_KEY, "-subj", `/CN=${name}`, "-keyout", keyFile, "-out", request]);
      const signing = ["-CA", caFile, "-CAkey", caKey, "-CAcreateserial", "-extfile", extensions];
      await run("openssl", ["x509", "-req", "-in", request, ...signing, ...DAYS, "-out", certFile]);
      return { certFile, keyFile };
    },
  };
}
