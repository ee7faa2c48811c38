/** The options that Sign and Verify share: digest, scheme, ECDSA form, context, salt. */
import type { Command } from "commander";
import type { SignatureFormat, SignatureScheme } from "@keystead/client/shapes";
import { wholeNumber } from "../whole-number.ts";

export interface SignatureOptions {
  readonly digest?: string;
  readonly scheme?: SignatureScheme;
  readonly format?: SignatureFormat;
  readonly context?: string;
  readonly saltBytes?: number;
}

export const signatureOptions = (command: Command): Command =>
  command
    .option("--digest <name>", "digest, such as SHA-384 (default: the algorithm's own)")
    .option("--scheme <scheme>", "RSA: pss or pkcs1 (default: pss); Ed25519 and Ed448: prehash for Ed25519ph and Ed448ph")
    .option("--format <format>", "ECDSA only: der, or raw for r and s side by side (default: der)")
    .option("--context <text>", "what the signature is for, signed with the data: Ed25519, Ed448, ML-DSA, SLH-DSA")
    .option("--salt-bytes <number>", "RSA-PSS: length of the salt (default: as long as the digest)", wholeNumber("--salt-bytes", 0, 512));

export const signatureFields = ({ digest, scheme, format, context, saltBytes }: SignatureOptions) => ({
  digest,
  scheme,
  format,
  context: context === undefined ? undefined : Buffer.from(context, "utf8"),
  saltBytes,
});
