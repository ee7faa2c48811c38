/**
 * Security keys on the command line: for which site they are asked, what they sign, and the file that remembers one.
 *
 * A browser lets a site ask only for its own credentials. Here this program stands in for it: it asks for the site that the
 * server's name is of, and for another only when the person names it (`--rp-id`), so that no server gets another's signature.
 *
 * The file holds no secret: which credential, of which site, and its public key. The private half never leaves the device.
 *
 * @see W3C Web Authentication Level 3 §5.8.1 (client data), §13.4.3 (challenges)
 */
import { hash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { attestedCredential, parseApproverKey } from "@keystead/client/approvals";
import type { Context } from "./context.ts";
import { assertBy, deviceOf, makeCredential } from "./fido2-tools.ts";
import { resolveSettings } from "./settings.ts";
import { usageError } from "./usage-error.ts";

export interface SecurityKeyOptions {
  readonly device?: string;
  readonly rpId?: string;
  readonly origin?: string;
}

export const securityKeyOptions = (command: Command): Command =>
  command
    .option("--device <path>", "the security key's device, when several are connected (fido2-token -L lists them)")
    .option("--rp-id <domain>", "the site it is registered for, when it is not the server's name or a parent of it")
    .option("--origin <url>", "the origin that is signed; https:// and the site without it");

/** The site and the origin. @param said what the server says the site is @throws {HsmError} INVALID_REQUEST */
export function siteOf(context: Context, options: SecurityKeyOptions, said?: string): { readonly rpId: string; readonly origin: string } {
  const host = new URL(resolveSettings(context.options, context.shell).endpoint).hostname;
  const rpId = options.rpId ?? said ?? host;
  if (said !== undefined && rpId !== said) throw usageError(`the server's security keys are registered for ${said}, and not for ${rpId}`);
  if (options.rpId === undefined && host !== rpId && !host.endsWith(`.${rpId}`))
    throw usageError(`the server ${host} asks for a signature for the site ${rpId}; if that is right, say so with --rp-id ${rpId}`);
  return { rpId, origin: options.origin ?? `https://${rpId}` };
}

/** Client data as browsers write it. */
export const clientData = (type: "webauthn.get" | "webauthn.create", challenge: Uint8Array, origin: string): Buffer =>
  Buffer.from(JSON.stringify({ type, challenge: Buffer.from(challenge).toString("base64url"), origin, crossOrigin: false }), "utf8");

/** A credential that stands behind approvals. Byte strings are base64url, the public key base64. */
export interface SecurityKeyFile {
  readonly credentialId: string;
  readonly rpId: string;
  readonly origin: string;
  readonly publicKey: string;
}

const MEMBERS = ["credentialId", "rpId", "origin", "publicKey"] as const;

/** @throws {HsmError} INVALID_REQUEST */
export function readSecurityKey(path: string, cwd: string): SecurityKeyFile & { readonly approverKey: string } {
  let value: Partial<SecurityKeyFile> | null;
  try {
    value = JSON.parse(readFileSync(resolve(cwd, path), "utf8")) as Partial<SecurityKeyFile> | null;
  } catch {
    throw usageError(`--security-key: cannot read ${path}; \`keystead approvals keys add --security-key ${path}\` makes it`);
  }
  if (value === null || MEMBERS.some((name) => typeof value[name] !== "string"))
    throw usageError(`--security-key: ${path} is not what \`keystead approvals keys add --security-key\` writes`);
  const whole = value as SecurityKeyFile;
  return { ...whole, approverKey: parseApproverKey(whole.publicKey).id };
}

/** The key that the file remembers, or a new one on the device, remembered in it. */
export async function securityKeyIn(
  context: Context,
  options: SecurityKeyOptions & { readonly securityKey: string },
  user: string,
): Promise<SecurityKeyFile & { readonly approverKey: string }> {
  const { shell } = context;
  const path = resolve(shell.cwd, options.securityKey);
  if (existsSync(path)) return readSecurityKey(path, shell.cwd);
  const { rpId, origin } = siteOf(context, options);
  const device = await deviceOf(shell, options.device);
  await context.note("touch the security key to make a credential on it; it may ask for its PIN first");
  // The challenge of a credential that nobody attests has nothing to say.
  const made = await makeCredential(shell, device, {
    rpId,
    userName: user,
    userId: hash("sha256", `keystead approver ${user}`, "buffer"),
    clientDataJson: clientData("webauthn.create", hash("sha256", user, "buffer"), origin),
    verify: true,
  });
  const { id, spki } = attestedCredential(made);
  const file: SecurityKeyFile = { credentialId: id.toString("base64url"), rpId, origin, publicKey: spki.toString("base64") };
  rememberSecurityKey(path, shell.cwd, file);
  return { ...file, approverKey: parseApproverKey(file.publicKey).id };
}

/** Remembers a key that the server knows. */
export function rememberSecurityKey(path: string, cwd: string, file: SecurityKeyFile): void {
  const { credentialId, rpId, origin, publicKey } = file;
  writeFileSync(resolve(cwd, path), `${JSON.stringify({ credentialId, rpId, origin, publicKey }, null, 2)}\n`, { mode: 0o600, flag: "wx" });
}

export interface SignedByKey {
  readonly signature: Buffer;
  readonly assertion: { readonly authenticatorData: Buffer; readonly clientDataJson: Buffer };
}

/** Has the key sign bytes: their SHA-256 is the challenge. Shows what is signed first. */
export async function signByKey(
  context: Context,
  options: SecurityKeyOptions,
  { credentialId, rpId, origin }: Omit<SecurityKeyFile, "publicKey">,
  bytes: Uint8Array,
): Promise<SignedByKey> {
  const clientDataJson = clientData("webauthn.get", hash("sha256", bytes, "buffer"), options.origin ?? origin);
  await context.note(
    `the security key signs, for ${rpId}:\n${clientDataJson.toString("utf8")}\nits challenge is the SHA-256 of:\n${Buffer.from(bytes).toString("utf8")}`,
  );
  const device = await deviceOf(context.shell, options.device);
  await context.note("touch the security key; it may ask for its PIN first");
  const { authenticatorData, signature } = await assertBy(context.shell, device, {
    rpId,
    credentialId: Buffer.from(credentialId, "base64url"),
    clientDataJson,
    verify: true,
  });
  return { signature, assertion: { authenticatorData, clientDataJson } };
}

/**
 * An assertion that was made elsewhere, as browsers write it (PublicKeyCredential.toJSON()): its response, base64url.
 *
 * @throws {HsmError} INVALID_REQUEST
 */
export function assertionIn(path: string, cwd: string): SignedByKey {
  let value: { readonly response?: Readonly<Record<string, unknown>> } | null;
  try {
    value = JSON.parse(readFileSync(resolve(cwd, path), "utf8")) as typeof value;
  } catch {
    throw usageError(`--assertion: cannot read ${path} as JSON`);
  }
  const bytesOf = (name: string): Buffer => {
    const text = value?.response?.[name];
    if (typeof text !== "string" || !/^[A-Za-z0-9_-]+={0,2}$/.test(text))
      throw usageError(`--assertion: response.${name} is not base64url`);
    return Buffer.from(text, "base64url");
  };
  return {
    signature: bytesOf("signature"),
    assertion: { authenticatorData: bytesOf("authenticatorData"), clientDataJson: bytesOf("clientDataJSON") },
  };
}
