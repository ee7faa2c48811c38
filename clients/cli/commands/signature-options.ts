/** The options that Sign and Verify share: digest, RSA scheme, ECDSA form. */
import type { Command } from "commander";
import type { SignatureFormat, SignatureScheme } from "@keystead/client/shapes";

export interface SignatureOptions {
  readonly digest?: string;
  readonly scheme?: SignatureScheme;
  readonly format?: SignatureFormat;
}

export const signatureOptions = (command: Command): Command =>
  command
    .option("--digest <name>", "digest, such as SHA-384 (default: the algorithm's own)")
    .option("--scheme <scheme>", "RSA only: pss or pkcs1 (default: pss)")
    .option("--format <format>", "ECDSA only: der, or raw for r and s side by side (default: der)");

export const signatureFields = ({ digest, scheme, format }: SignatureOptions) => ({ digest, scheme, format });
