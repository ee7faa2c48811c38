/** The options that encrypt and decrypt share. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { EncryptionScheme } from "@keystead/client/shapes";
import type { CipherMode } from "@keystead/client/shapes";
import type { TargetOptions } from "../byte-target.ts";
import type { TextOptions } from "../byte-text.ts";
import { inOption, outOptions, textOptions } from "../command-tree.ts";
import type { Shell } from "../shell.ts";
import { usageError } from "../usage-error.ts";

export interface CipherOptions extends TargetOptions, TextOptions {
  readonly in?: string;
  readonly direct?: boolean;
  readonly associatedData?: string;
  readonly associatedDataFile?: string;
  readonly scheme?: EncryptionScheme;
  readonly digest?: string;
  readonly mode?: CipherMode;
}

export const cipherOptions = (command: Command, direct: string): Command =>
  textOptions(outOptions(inOption(command, "file to read")), "with --direct: the ciphertext")
    .option("--direct", direct)
    .option("--associated-data <text>", "authenticated with the data but not stored in it; needed again to decrypt")
    .option("--associated-data-file <file>", "the same, from a file")
    .option("--scheme <scheme>", "with --direct and RSA: oaep or pkcs1 (default: oaep)")
    .option("--digest <name>", "with --direct and RSA-OAEP: its digest (default: SHA-256)")
    .option("--mode <mode>", "with --direct and a key of several modes: gcm, cbc, cbc_no_padding, ctr or ccm (default: gcm)");

/** The associated data, if any. */
export function associatedData(options: CipherOptions, shell: Pick<Shell, "cwd">): Buffer | undefined {
  if (options.associatedData !== undefined && options.associatedDataFile !== undefined)
    throw usageError("pass --associated-data or --associated-data-file, not both");
  if (options.associatedData !== undefined) return Buffer.from(options.associatedData, "utf8");
  return options.associatedDataFile === undefined ? undefined : readFileSync(resolve(shell.cwd, options.associatedDataFile));
}

/** Refuses options that only mean something with --direct. */
export function refuseDirectOnly(options: CipherOptions): void {
  const given = (["base64", "hex", "scheme", "digest", "mode"] as const).find((name) => options[name] !== undefined);
  if (given !== undefined)
    throw usageError(`--${given} goes with --direct: a sealed file is always raw bytes under its own AES-256-GCM key`);
}
