/**
 * Certificates for tests, made with the openssl command: an authority, a server, a client, and a stranger's client.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

export interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface TestCertificates {
  readonly folder: string;
  readonly caPath: string;
  readonly certPath: string;
  readonly keyPath: string;
  readonly ca: Buffer;
  readonly client: Pair;
  /** Of an authority nobody trusts. */
  readonly stranger: Pair;
  /** Replaces the server's certificate and key by new ones of this name. */
  renew(commonName: string): void;
}

/** Makes them in a folder that goes with the test. */
export function testCertificates(context: TestContext): TestCertificates {
  const folder = mkdtempSync(join(tmpdir(), "keystead-certificates-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const authority = (name: string): void =>
    openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
    );
  const issue = (name: string, issuer: string, commonName: string): void => {
    writeFileSync(join(folder, `${name}.ext`), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      `/CN=${commonName}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
    );
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      `${issuer}.pem`,
      "-CAkey",
      `${issuer}.key`,
      "-CAcreateserial",
      "-days",
      "2",
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.pem`,
    );
  };
  const pair = (name: string): Pair => ({
    cert: readFileSync(join(folder, `${name}.pem`)),
    key: readFileSync(join(folder, `${name}.key`)),
  });
  authority("ca");
  authority("other");
  issue("server", "ca", "first");
  issue("client", "ca", "someone");
  issue("stranger", "other", "someone");
  return {
    folder,
    caPath: join(folder, "ca.pem"),
    certPath: join(folder, "server.pem"),
    keyPath: join(folder, "server.key"),
    ca: readFileSync(join(folder, "ca.pem")),
    client: pair("client"),
    stranger: pair("stranger"),
    renew: (commonName) => issue("server", "ca", commonName),
  };
}
