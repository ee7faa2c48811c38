/**
 * Unseal secrets from where they are kept: `file:PATH`, `env:NAME`, `fd:N`. The value is read into memory of its own,
 * decoded without ever becoming a string, and its environment variable is removed.
 *
 * Text forms: `base64:...` and `hex:...`; anything else is taken as raw bytes. One newline at the end is not part of
 * the secret.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { SecretReference, UnsealConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { copySecret, secretBuffer, wipe } from "@keystead/crypto/wipe";
import type { UnsealSecret } from "../objects/hierarchy.ts";

const MAX_BYTES = 8192;

/** Descriptors the launcher passed on: the N of `fd:N` to the number it has in this process. */
export type PassedDescriptors = Readonly<Record<string, number>>;

/** The secret's bytes, undecoded. The caller wipes them. @throws {HsmError} INVALID_REQUEST naming the reference */
export function readSecret(reference: SecretReference, passed: PassedDescriptors): Buffer {
  const colon = reference.indexOf(":");
  const kind = reference.slice(0, colon);
  const name = reference.slice(colon + 1);
  let bytes: Buffer;
  if (kind === "env") {
    const value = process.env[name];
    delete process.env[name];
    bytes = secretBuffer(Buffer.byteLength(value ?? "", "utf8"));
    bytes.write(value ?? "", "utf8");
  } else {
    bytes = readAll(reference, kind === "fd" ? passed[name] : undefined, name);
  }
  const end = bytes.at(-1) === 10 ? (bytes.at(-2) === 13 ? bytes.length - 2 : bytes.length - 1) : bytes.length;
  if (end === 0) throw new HsmError("INVALID_REQUEST", `${reference} is empty`);
  const secret = copySecret(bytes.subarray(0, end));
  wipe(bytes);
  return secret;
}

function readAll(reference: string, descriptor: number | undefined, path: string): Buffer {
  const buffer = secretBuffer(MAX_BYTES + 1);
  let fd: number;
  try {
    if (reference.startsWith("fd:") && descriptor === undefined) throw new Error("not passed on");
    fd = descriptor ?? openSync(path, "r");
    if (fstatSync(fd).isDirectory()) throw new Error("a folder");
  } catch (error) {
    throw new HsmError("INVALID_REQUEST", `${reference} cannot be read`, { cause: error });
  }
  let length = 0;
  try {
    for (;;) {
      const read = readSync(fd, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length > MAX_BYTES) break;
    }
  } finally {
    closeSync(fd);
  }
  if (length > MAX_BYTES) throw new HsmError("INVALID_REQUEST", `${reference} is longer than ${MAX_BYTES} bytes`);
  const bytes = copySecret(buffer.subarray(0, length));
  wipe(buffer);
  return bytes;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Decodes `base64:` and `hex:`, or copies raw bytes. Wipes its input. @throws {HsmError} INVALID_REQUEST */
export function decodeSecret(bytes: Buffer): Buffer {
  try {
    if (startsWith(bytes, "hex:"))
      return decodeDigits(bytes.subarray(4), 4, (byte) => "0123456789abcdef".indexOf(String.fromCharCode(byte).toLowerCase()));
    if (startsWith(bytes, "base64:")) {
      let end = bytes.length;
      while (end > 7 && bytes[end - 1] === 0x3d) end -= 1;
      // Padding is left out, or fills the last group of four.
      if (end < bytes.length && (bytes.length - end > 2 || (bytes.length - 7) % 4 !== 0)) throw malformed();
      return decodeDigits(bytes.subarray(7, end), 6, (byte) => BASE64.indexOf(String.fromCharCode(byte)));
    }
    return copySecret(bytes);
  } finally {
    wipe(bytes);
  }
}

const startsWith = (bytes: Buffer, prefix: string): boolean =>
  bytes.length >= prefix.length && bytes.subarray(0, prefix.length).equals(Buffer.from(prefix, "latin1"));

const malformed = (): HsmError => new HsmError("INVALID_REQUEST", "the secret is not well-formed");

function decodeDigits(digits: Buffer, bits: number, valueOf: (byte: number) => number): Buffer {
  // No bytes at all, or a digit that belongs to none, is a slip of whoever wrote it.
  if (digits.length === 0 || (digits.length * bits) % 8 >= bits) throw malformed();
  const out = secretBuffer(Math.floor((digits.length * bits) / 8));
  let held = 0;
  let heldBits = 0;
  let at = 0;
  for (const digit of digits) {
    const value = valueOf(digit);
    if (value === -1) {
      wipe(out);
      throw malformed();
    }
    held = ((held << bits) | value) & 0xffff;
    heldBits += bits;
    if (heldBits < 8) continue;
    heldBits -= 8;
    if (at < out.length) out[at++] = (held >> heldBits) & 0xff;
  }
  return out;
}

/** The configured unseal secret, or undefined when the vault starts sealed. */
export function configuredSecret(config: UnsealConfig, passed: PassedDescriptors): UnsealSecret | undefined {
  if (config.method === "none") return undefined;
  const second = config.hmacKey === undefined ? undefined : decodeSecret(readSecret(config.hmacKey, passed));
  if (config.method === "key") return { method: "key", secret: decodeSecret(readSecret(config.masterKey, passed)), second };
  return { method: "passphrase", secret: readSecret(config.passphrase, passed), second };
}
