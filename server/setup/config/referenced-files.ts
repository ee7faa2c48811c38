/**
 * Checks that what the configuration points at is there: secrets, certificates, key sets. In development and test the
 * files that provisioning makes or mends may be missing or damaged; the unseal secret may only be missing.
 *
 * @security a secret's value is never read; only that it exists and is not empty.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EffectiveConfig, SecretReference } from "@keystead/contract/config";
import type { Environment } from "./environment-layer.ts";
import { PROVISIONED_FILES } from "./presets.ts";
import type { Finding } from "./finding.ts";

/** Longest path of a unix socket: `sun_path` without its last zero, as the strictest of the systems we run on has it. */
const SOCKET_PATH_BYTES = 103;

/** What is wrong with a file, or undefined; `isMade` says that provisioning will make it. */
function problemOfFile(path: string, isMade: (path: string) => boolean): string | undefined {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return `${path} is not a file`;
    return stat.size === 0 ? `${path} is empty` : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && isMade(path)) return undefined;
    return code === "ENOENT" ? `${path} does not exist` : `${path} cannot be read (${code})`;
  }
}

/** What is wrong with a secret's reference, or undefined. Descriptors belong to the launcher and are not looked at. */
function problemOfSecret(reference: SecretReference, env: Environment, isMade: (path: string) => boolean): string | undefined {
  if (reference.startsWith("fd:")) return undefined;
  if (reference.startsWith("file:")) return problemOfFile(reference.slice(5), isMade);
  const name = reference.slice(4);
  if (env[name] === undefined) return `the environment variable ${name} is not set`;
  return env[name] === "" ? `the environment variable ${name} is empty` : undefined;
}

/** What is wrong with the content of a public file that exists, or undefined. */
function problemOfContent(path: string, parse: (text: string) => unknown, what: string): string | undefined {
  try {
    parse(readFileSync(path, "utf8"));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" ? undefined : `${path} is not ${what}`;
  }
}

function parseKeySet(text: string): void {
  const document = JSON.parse(text) as { keys?: unknown } | null;
  if (!Array.isArray(document?.keys)) throw new TypeError("no keys");
}

/** Everything that is missing, empty or not what it should be. */
export function missingFiles(config: EffectiveConfig, env: Environment): readonly Finding[] {
  const { gateway, vault } = config;
  const findings: Finding[] = [];
  const made = new Set(vault.preset === "production" ? [] : Object.values(PROVISIONED_FILES).map((name) => join(vault.dataDir, name)));
  const isMade = (path: string) => made.has(path);
  const note = (key: string, problem: string | undefined, remedy: string) => {
    if (problem !== undefined) findings.push({ key, problem, remedy });
  };
  const publicFile = (key: string, path: string, parse: (text: string) => unknown, what: string) =>
    note(key, isMade(path) ? undefined : (problemOfFile(path, isMade) ?? problemOfContent(path, parse, what)), `name ${what}`);

  if (gateway.tls !== undefined) {
    const certificate = (text: string) => new X509Certificate(text);
    publicFile("server.tls_cert_path", gateway.tls.certPath, certificate, "a PEM file of the server certificate");
    note(
      "server.tls_key_path",
      isMade(gateway.tls.keyPath) ? undefined : problemOfFile(gateway.tls.keyPath, isMade),
      "name a PEM file of the server's private key",
    );
    publicFile("server.tls_ca_cert_path", gateway.tls.caPath, certificate, "a PEM file of certificate authorities");
  }
  const socketBytes = Buffer.byteLength(gateway.unixSocket ?? "");
  note(
    "server.unix_socket",
    socketBytes > SOCKET_PATH_BYTES ? `its path has ${socketBytes} bytes, and the system takes ${SOCKET_PATH_BYTES}` : undefined,
    "name a shorter path, such as /run/keystead/api.sock",
  );
  vault.auth.keySets.forEach(({ path }, at) => {
    if (path !== undefined) publicFile(`auth.jwt.key_sets[${at}].path`, path, parseKeySet, "a JWKS file");
  });
  if (gateway.telemetry?.caPath !== undefined)
    publicFile("telemetry.ca_path", gateway.telemetry.caPath, (text) => new X509Certificate(text), "a PEM file of certificate authorities");
  const serverAuthorities = config.connectors.find(({ caPath }) => caPath !== undefined)?.caPath;
  if (serverAuthorities !== undefined)
    publicFile("connector.ca_path", serverAuthorities, (text) => new X509Certificate(text), "a PEM file of certificate authorities");
  vault.auth.revocation.crlPaths.forEach((path, at) =>
    note(`auth.revocation.crl_paths[${at}]`, problemOfFile(path, isMade), "name a file of revocation lists"),
  );
  const secret = (key: string, reference: SecretReference | undefined) => {
    if (reference !== undefined) note(key, problemOfSecret(reference, env, isMade), "provide the secret where the reference points");
  };
  if (vault.unseal.method === "key") secret("unseal.master_key", vault.unseal.masterKey);
  if (vault.unseal.method === "passphrase") secret("unseal.passphrase", vault.unseal.passphrase);
  if (vault.unseal.method !== "none") secret("unseal.hmac_key", vault.unseal.hmacKey);
  return findings;
}
