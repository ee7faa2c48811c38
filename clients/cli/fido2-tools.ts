/**
 * libfido2's own programs, by which a command reaches a security key: fido2-token lists devices, fido2-cred makes a
 * credential, fido2-assert has one sign.
 *
 * They are started with the lines that their manual pages describe, and their answer is read line by line. A PIN is asked for
 * by the program, on the terminal: it never passes through here.
 *
 * @see fido2-assert(1), fido2-cred(1), fido2-token(1)
 */
import { spawn } from "node:child_process";
import { hash } from "node:crypto";
import { usageError } from "./usage-error.ts";
import { write, type Shell } from "./shell.ts";

const INSTALL =
  "it comes with libfido2: apt install fido2-tools (Debian, Ubuntu), dnf install fido2-tools (Fedora), brew install libfido2 (macOS)";
const MOST_OUTPUT_CHARACTERS = 65_536;

/** Runs one of the programs. @returns its output's lines @throws {HsmError} INVALID_REQUEST when it is not there, or did not do it */
async function run(shell: Shell, program: string, args: readonly string[], lines: readonly string[]): Promise<string[]> {
  if (lines.some((line) => /[\n\0]/.test(line))) throw usageError("names for a security key have no line breaks");
  const child = spawn(program, args, { cwd: shell.cwd, env: { ...shell.env }, stdio: ["pipe", "pipe", "pipe"] });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (out.length <= MOST_OUTPUT_CHARACTERS) out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => void write(shell.stderr, text));
  // A program that ends early reads nothing more; its status says so.
  child.stdin.on("error", () => undefined);
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  const status = await new Promise<number | null>((done, failed) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      failed(
        usageError(error.code === "ENOENT" ? `${program} is not installed; ${INSTALL}` : `${program} cannot be started (${error.code})`),
      ),
    );
    child.once("close", done);
  });
  if (status !== 0) throw usageError(`${program} ended with ${status}; what it said stands above`);
  return out.split("\n").filter((line) => line !== "");
}

/** The device to use. @throws {HsmError} INVALID_REQUEST when there is none, or several and none is named */
export async function deviceOf(shell: Shell, named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const lines = await run(shell, "fido2-token", ["-L"], []);
  const found = lines.map((line) => /^(\S+): /.exec(line)?.[1] ?? "").filter((path) => path !== "");
  if (found.length === 1) return found[0] as string;
  throw usageError(
    found.length === 0
      ? "no security key is connected, or it may not be used by you"
      : `several security keys are connected; name one with --device: ${found.join(", ")}`,
  );
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

/**
 * Authenticator data as the programs write it, a CBOR byte string in base64, or as it is.
 *
 * @throws {HsmError} INVALID_REQUEST when it is not for this site
 */
function authenticatorDataOf(line: string, rpId: string): Buffer {
  const bytes = Buffer.from(line, "base64");
  const site = hash("sha256", rpId, "buffer");
  const skipped = bytes[0] === 0x58 ? 2 : bytes[0] === 0x59 ? 3 : 1;
  for (const data of [bytes.subarray(skipped), bytes]) if (data.subarray(0, site.length).equals(site)) return data;
  throw usageError(`the security key answered for another site than ${rpId}`);
}

/** The first two lines say what was answered. */
function requireAnswer(program: string, lines: readonly string[], most: number, clientDataHash: string, rpId: string): void {
  if (lines.length < most || lines[0] !== clientDataHash || lines[1] !== rpId)
    throw usageError(`${program} answered something else than it was asked`);
}

export interface KeyAssertion {
  readonly credentialId: Buffer;
  readonly authenticatorData: Buffer;
  readonly signature: Buffer;
}

/**
 * Has a credential of a security key sign: authenticator data and the SHA-256 of the client data.
 *
 * @param verify asks for the key's PIN or fingerprint, beyond a touch
 */
export async function assertBy(
  shell: Shell,
  device: string,
  asked: { readonly rpId: string; readonly credentialId: Buffer; readonly clientDataJson: Buffer; readonly verify: boolean },
): Promise<KeyAssertion> {
  const { rpId, credentialId, clientDataJson, verify } = asked;
  const clientDataHash = base64(hash("sha256", clientDataJson, "buffer"));
  const args = ["-G", "-t", "up=true", ...(verify ? ["-v"] : []), device];
  const lines = await run(shell, "fido2-assert", args, [clientDataHash, rpId, base64(credentialId)]);
  requireAnswer("fido2-assert", lines, 4, clientDataHash, rpId);
  return {
    credentialId,
    authenticatorData: authenticatorDataOf(lines[2] as string, rpId),
    signature: Buffer.from(lines[3] as string, "base64"),
  };
}

/** Makes a credential (ES256) on a security key. @returns its authenticator data, which holds its id and public key */
export async function makeCredential(
  shell: Shell,
  device: string,
  asked: {
    readonly rpId: string;
    readonly userName: string;
    readonly userId: Buffer;
    readonly clientDataJson: Buffer;
    readonly verify: boolean;
  },
): Promise<Buffer> {
  const { rpId, userName, userId, clientDataJson, verify } = asked;
  const clientDataHash = base64(hash("sha256", clientDataJson, "buffer"));
  const lines = await run(shell, "fido2-cred", ["-M", ...(verify ? ["-v"] : []), device], [clientDataHash, rpId, userName, base64(userId)]);
  requireAnswer("fido2-cred", lines, 5, clientDataHash, rpId);
  return authenticatorDataOf(lines[3] as string, rpId);
}
