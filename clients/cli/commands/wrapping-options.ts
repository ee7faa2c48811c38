/** The options that say how a key is wrapped. */
import type { Command } from "commander";
import type { WrapMode } from "@keystead/client/shapes";
import type { WrappingMechanism } from "@keystead/client/shapes";

export interface WrappingOptions {
  readonly mechanism?: WrappingMechanism;
  readonly digest?: string;
}

/** Of commands whose wrapping key is one of the vault's. */
export interface ModeOptions {
  readonly mode?: WrapMode;
  readonly associatedData?: string;
}

export const wrappingOptions = (command: Command): Command =>
  command
    .option("--mechanism <name>", "with RSA: rsa_aes_kwp (PKCS#11 CKM_RSA_AES_KEY_WRAP) or rsa_oaep (default: rsa_aes_kwp)")
    .option("--digest <name>", "with RSA: the digest of OAEP and of its MGF1 (default: SHA-256)");

export const modeOption = (command: Command): Command =>
  command
    .option("--mode <mode>", "with an AES key of several modes: kwp, kw or gcm (default: kwp)")
    .option("--associated-data <text>", "with AES-GCM: authenticated with the key; needed again to unwrap");

/** The associated data, if any. */
export const wrappingData = ({ associatedData }: ModeOptions): Buffer | undefined =>
  associatedData === undefined ? undefined : Buffer.from(associatedData, "utf8");
