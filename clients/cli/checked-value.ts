/** The value a verifying command compares with: text on the command line, or a file. Neither is secret. */
import { readWhole } from "./byte-source.ts";
import { decodeBytes, spelling, type TextOptions } from "./byte-text.ts";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

/** A signature or MAC from `--NAME TEXT` (base64, or hex with --hex) or `--NAME-file FILE` (raw, or as the flags say). */
export async function readChecked(
  name: string,
  text: string | undefined,
  path: string | undefined,
  options: TextOptions,
  shell: Shell,
): Promise<Buffer> {
  if ((text === undefined) === (path === undefined)) throw usageError(`pass the ${name} with either --${name} or --${name}-file`);
  if (text !== undefined) return decodeBytes(Buffer.from(text, "utf8"), spelling(options, "base64"), `--${name}`);
  return decodeBytes(await readWhole(path, shell), spelling(options, "raw"), `--${name}-file`);
}

/** One word for people. */
export const verdictText = (valid: boolean, version: number): string => (valid ? `valid (version ${version})\n` : "INVALID\n");
