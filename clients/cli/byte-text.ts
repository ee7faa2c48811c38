/**
 * How a short value (signature, MAC, digest, ciphertext of one request) is written and read: as bytes in files, as one
 * line of base64 on the terminal, and as `--base64` or `--hex` say.
 */
import { writeTarget, checkTarget, type TargetOptions } from "./byte-target.ts";
import type { Context } from "./context.ts";
import { usageError } from "./usage-error.ts";

export interface TextOptions {
  readonly base64?: boolean | undefined;
  readonly hex?: boolean | undefined;
}

export type Spelling = "raw" | "base64" | "hex";

/** What the flags ask for, or `otherwise`. */
export function spelling({ base64, hex }: TextOptions, otherwise: Spelling): Spelling {
  if (base64 === true && hex === true) throw usageError("--base64 and --hex exclude each other");
  return base64 === true ? "base64" : hex === true ? "hex" : otherwise;
}

/** The bytes behind a text or a file's content. White space around text does not matter. */
export function decodeBytes(bytes: Uint8Array, as: Spelling, option: string): Buffer {
  if (as === "raw") return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1").trim();
  try {
    return Buffer.from((as === "hex" ? Uint8Array.fromHex(text) : Uint8Array.fromBase64(text)).buffer);
  } catch {
    throw usageError(`${option} is not valid ${as}`);
  }
}

const encode = (bytes: Uint8Array, as: Spelling): Uint8Array =>
  as === "raw" ? bytes : Buffer.from(`${as === "hex" ? bytes.toHex() : bytes.toBase64()}\n`, "latin1");

/**
 * Prints a result whose heart is one byte string: with --json the whole `value`; with --out the bytes to the file;
 * otherwise one line of text.
 */
export async function printBytes(
  context: Context,
  value: unknown,
  bytes: Uint8Array,
  options: TargetOptions & TextOptions,
  line: Spelling = "base64",
): Promise<void> {
  const as = spelling(options, options.out === undefined ? line : "raw");
  if (context.form !== "table" && options.out === undefined) return context.print(value, () => "");
  checkTarget(options, context.shell);
  await writeTarget(options, [encode(bytes, as)], context.shell);
  if (context.form !== "table" && options.out !== "-") await context.print(value, () => "");
}
