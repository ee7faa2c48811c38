/**
 * Reads a secret by its reference: `file:/path`, `env:NAME` or `fd:N`. A literal secret on a command line would stand
 * in the shell's history and in every process list, so anything else is refused, and never repeated in the message.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

/** The bytes behind a reference, as they stand there. The caller wipes them. */
export function readSecret(reference: string, option: string, shell: Pick<Shell, "env" | "cwd">): Buffer {
  const [, kind, name] = /^(file|env|fd):(.+)$/s.exec(reference) ?? [];
  if (kind === undefined || name === undefined) {
    throw usageError(`${option} takes a reference to a secret (file:PATH, env:NAME or fd:N), never the secret itself`);
  }
  if (kind === "env") {
    const value = shell.env[name];
    if (value === undefined || value === "") throw usageError(`${option}: the environment variable ${name} is not set or empty`);
    return Buffer.from(value, "utf8");
  }
  if (kind === "fd" && !/^[0-9]{1,4}$/.test(name)) throw usageError(`${option}: fd: takes a descriptor number`);
  try {
    return readFileSync(kind === "fd" ? Number(name) : resolve(shell.cwd, name));
  } catch (cause) {
    throw usageError(`${option}: cannot read ${kind === "fd" ? `descriptor ${name}` : name} (${(cause as NodeJS.ErrnoException).code})`);
  }
}

/** Without the one line ending an editor or `echo` leaves behind. */
export function withoutLineEnding(bytes: Buffer): Buffer {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= 1;
  if (end < bytes.length && bytes[end - 1] === 0x0d) end -= 1;
  return bytes.subarray(0, end);
}

/** A secret that may be written as `base64:...` or `hex:...`; 32 bytes are always taken as they are. */
export function decodeSecret(bytes: Buffer, option: string): Buffer {
  if (bytes.length === 32) return bytes;
  const text = withoutLineEnding(bytes);
  const spelled = text.toString("latin1");
  try {
    if (spelled.startsWith("base64:")) return Buffer.from(Uint8Array.fromBase64(spelled.slice(7)));
    if (spelled.startsWith("hex:")) return Buffer.from(Uint8Array.fromHex(spelled.slice(4)));
  } catch {
    throw usageError(`${option}: the text behind the reference is not valid ${spelled.startsWith("hex:") ? "hex" : "base64"}`);
  }
  return text;
}
