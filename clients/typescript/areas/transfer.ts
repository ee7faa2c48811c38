/** Keys that come in from elsewhere or leave. */
import type { AlgorithmName, Usage } from "@keystead/contract/algorithms";
import type { WrapMode } from "@keystead/contract/key-modes";
import type { Ways } from "../operation-ways.ts";
import type { ExportPolicy, KeyAddress, KeyAttributes, KeyStateSpelling, KeyTemplate, NewKey, NewKeyResponse } from "./keys.ts";
import type { DigestSpelling } from "./names.ts";

export type KeyMaterialFormat = "pkcs8" | "sec1" | "jwk" | "raw" | "pem";

export interface ImportKeyRequest extends NewKey {
  readonly keyMaterial: Uint8Array;
  readonly format: KeyMaterialFormat;
  /** The key of the vault that `keyMaterial` is wrapped under; left out: it is in plain. */
  readonly wrappingKeyId?: string | undefined;
  readonly wrappingVersion?: number | undefined;
  readonly wrappingMechanism?: WrappingMechanism | undefined;
  readonly wrappingDigest?: DigestSpelling | undefined;
}

/** How a key is encrypted under an RSA key; every other wrapping key has one way (X25519, X448 and ECDH: hpke). */
export type WrappingMechanism = "rsa_aes_kwp" | "rsa_oaep" | "hpke";

export interface Wrapping {
  readonly mechanism?: WrappingMechanism | undefined;
  /** RSA only; SHA-256 when left out. */
  readonly digest?: DigestSpelling | undefined;
}

export interface WrapKeyRequest extends KeyAddress, Wrapping {
  /** The key that is wrapped; `keyId` is the one that wraps. */
  readonly targetKeyId: string;
  readonly targetVersion?: number | undefined;
  /** Keys of AES-128, AES-192 and AES-256: how they wrap; kwp when left out. */
  readonly mode?: WrapMode | undefined;
  /** AES-GCM only: authenticated with the key; the same is needed to unwrap. */
  readonly associatedData?: Uint8Array | undefined;
}

export interface WrapKeyResponse {
  readonly wrappedKey: Buffer;
  readonly keyId: string;
  readonly version: number;
  readonly targetKeyId: string;
  readonly targetVersion: number;
  readonly algorithm: AlgorithmName;
  readonly format: KeyMaterialFormat;
}

export interface UnwrapKeyRequest extends KeyAddress, Wrapping {
  readonly wrappedKey: Uint8Array;
  readonly asKey: KeyTemplate;
  /** Keys of AES-128, AES-192 and AES-256: how it was wrapped; kwp when left out. */
  readonly mode?: WrapMode | undefined;
  /** AES-GCM only: what it was wrapped with. */
  readonly associatedData?: Uint8Array | undefined;
  /** Of the key that unwraps; left out: the current one, then older ones. */
  readonly version?: number | undefined;
  readonly attributes?: KeyAttributes | undefined;
  /** `staged` or `active`; active when left out, unless a start date lies ahead. */
  readonly state?: KeyStateSpelling | undefined;
}

/** Exactly one of `recipientPublicKey` (PEM) and `plain`. */
export interface ExportKeyRequest extends KeyAddress, Wrapping {
  readonly version?: number | undefined;
  readonly recipientPublicKey?: string | undefined;
  /** Needs `exportable: plain` and the permission key:export_plain. */
  readonly plain?: boolean | undefined;
}

export interface ExportKeyResponse {
  readonly keyId: string;
  readonly version: number;
  readonly algorithm: AlgorithmName;
  readonly wrappedKey: Buffer;
  /** Empty unless `plain`. Wipe it (`fill(0)`) once used. */
  readonly keyMaterial: Buffer;
  readonly format: KeyMaterialFormat;
  readonly mechanism?: WrappingMechanism;
}

export interface CopyKeyRequest extends KeyAddress {
  /** Chosen by the vault when left out. */
  readonly newKeyId?: string | undefined;
  /** Some of the key's own; all of them when left out. */
  readonly usage?: readonly Usage[] | undefined;
  /** Besides those of the key. */
  readonly tags?: readonly string[] | undefined;
  readonly description?: string | undefined;
  readonly exportable?: ExportPolicy | undefined;
  readonly attributes?: KeyAttributes | undefined;
  /** `staged` or `active`. */
  readonly state?: KeyStateSpelling | undefined;
  /** In the vault's memory alone. */
  readonly sessionKey?: boolean | undefined;
}

export interface TransferOperations {
  importKey(request: ImportKeyRequest): Promise<NewKeyResponse>;
  /** Another key of the same material, never weaker; what is left out is as it is of the first. */
  copyKey(request: CopyKeyRequest): Promise<NewKeyResponse>;
  wrapKey(request: WrapKeyRequest): Promise<WrapKeyResponse>;
  unwrapKey(request: UnwrapKeyRequest): Promise<NewKeyResponse>;
  /** A key leaves: encrypted for the holder of a public key, or in plain if its policy says so. */
  exportKey(request: ExportKeyRequest): Promise<ExportKeyResponse>;
}

export const TRANSFER_OPERATIONS: Ways<TransferOperations> = {
  importKey: "ImportKey",
  copyKey: "CopyKey",
  wrapKey: "WrapKey",
  unwrapKey: "UnwrapKey",
  exportKey: "ExportKey",
};
