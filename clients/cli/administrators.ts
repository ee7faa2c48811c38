/**
 * The first administrators, as `keystead init` is told of them: `NAME`, or `NAME:FILE` with a client certificate or an
 * approver's public key. Files are read and never copied; a private key is refused by name.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseApproverKey } from "@keystead/client/approvals";
import { usageError } from "./usage-error.ts";

/** One person. Without a certificate, the common name of hers is her name. */
export interface Administrator {
  readonly name: string;
  /** SHA-256 of the certificates that are hers, hexadecimal. */
  readonly fingerprints: readonly string[];
  /** Public keys she signs approvals with, DER in base64. */
  readonly approverKeys: readonly string[];
}

const NAME = /^[A-Za-z0-9._@-]{1,128}$/;

/** @throws {HsmError} INVALID_REQUEST for a name that cannot be one, a file that is neither, or one that two people have */
export function readAdministrators(given: readonly string[], cwd: string): readonly Administrator[] {
  const found = new Map<string, { fingerprints: string[]; approverKeys: string[] }>();
  const owners = new Map<string, string>();
  const own = (what: string, name: string): void => {
    const owner = owners.get(what);
    if (owner !== undefined && owner !== name) throw usageError(`--administrator: ${owner} and ${name} name the same certificate or key`);
    owners.set(what, name);
  };
  for (const text of given) {
    const at = text.indexOf(":");
    const name = at === -1 ? text : text.slice(0, at);
    if (!NAME.test(name)) throw usageError(`--administrator: ${JSON.stringify(name)} cannot be a name (letters, digits and . _ @ -)`);
    const person = found.get(name) ?? { fingerprints: [], approverKeys: [] };
    found.set(name, person);
    if (at === -1) continue;
    const path = text.slice(at + 1);
    let pem: string;
    try {
      pem = readFileSync(resolve(cwd, path), "utf8");
    } catch (cause) {
      throw usageError(`--administrator: cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`);
    }
    if (pem.includes("PRIVATE KEY-----"))
      throw usageError(`--administrator: ${path} holds a private key, which stays with ${name}; give its public half`);
    if (pem.includes("-----BEGIN CERTIFICATE-----")) {
      const fingerprint = certificateIn(pem, path).fingerprint256.replaceAll(":", "").toLowerCase();
      own(fingerprint, name);
      person.fingerprints.push(fingerprint);
    } else {
      const { id, spki } = parseApproverKey(pem);
      own(id, name);
      person.approverKeys.push(spki);
    }
  }
  return [...found].map(([name, { fingerprints, approverKeys }]) => ({ name, fingerprints, approverKeys }));
}

function certificateIn(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw usageError(`--administrator: ${path} holds no certificate that can be read`);
  }
}

/**
 * Dual control with fewer than two people who can agree to one another's requests would lock everybody out, or be none.
 *
 * @throws {HsmError} INVALID_REQUEST
 */
export function requireTwo(administrators: readonly Administrator[]): void {
  const able = administrators.filter(({ approverKeys }) => approverKeys.length > 0);
  if (able.length < 2)
    throw usageError(
      `--dual-control needs two administrators or more, each with an approver key: --administrator NAME:PUBLIC_KEY.pem (there ${able.length === 1 ? "is one" : "are none"})`,
    );
}
