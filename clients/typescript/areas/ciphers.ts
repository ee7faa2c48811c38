/** Encryption, data keys, digests and random bytes. */
import type { DigestName } from "@keystead/contract/algorithms";
import type { CipherMode } from "@keystead/contract/key-modes";
import type { Ways } from "../operation-ways.ts";
import type { KeyAddress } from "./keys.ts";
import type { DigestSpelling } from "./names.ts";

export type EncryptionScheme = "oaep" | "pkcs1";

export type CiphertextFormat = "sealed" | "raw";

export interface EncryptRequest extends KeyAddress {
  readonly plaintext: Uint8Array;
  readonly associatedData?: Uint8Array | undefined;
  readonly scheme?: EncryptionScheme | undefined;
  readonly digest?: DigestSpelling | undefined;
  readonly format?: CiphertextFormat | undefined;
  /** A nonce of one's own; needs the permission crypto:caller_nonce. */
  readonly nonce?: Uint8Array | undefined;
  /** Keys of AES-128, AES-192, AES-256, AES-CBC or Generic-Secret: the mode; others have one and take none. */
  readonly mode?: CipherMode | undefined;
}

export interface EncryptResponse {
  readonly ciphertext: Buffer;
  /** Empty unless `format` was raw. */
  readonly nonce: Buffer;
  readonly keyId: string;
  readonly version: number;
}

export interface DecryptRequest extends KeyAddress {
  readonly ciphertext: Uint8Array;
  readonly associatedData?: Uint8Array | undefined;
  readonly scheme?: EncryptionScheme | undefined;
  readonly digest?: DigestSpelling | undefined;
  readonly format?: CiphertextFormat | undefined;
  readonly nonce?: Uint8Array | undefined;
  /** Of a raw ciphertext. Left out: the current version, then older ones where the mechanism authenticates. */
  readonly version?: number | undefined;
  /** The mode it was encrypted in, where it had to be named. */
  readonly mode?: CipherMode | undefined;
}

export interface DecryptResponse {
  readonly plaintext: Buffer;
  readonly version: number;
}

export interface GenerateDataKeyRequest extends KeyAddress {
  /** 16, 24 or 32; 32 when left out. */
  readonly sizeBytes?: number | undefined;
  readonly associatedData?: Uint8Array | undefined;
}

export interface GenerateDataKeyResponse {
  /** Wipe it (`fill(0)`) once used. */
  readonly plaintext: Buffer;
  readonly ciphertext: Buffer;
  readonly keyId: string;
  readonly version: number;
}

export interface RewrapDataRequest extends KeyAddress {
  readonly ciphertext: Uint8Array;
  readonly associatedData?: Uint8Array | undefined;
  readonly digest?: DigestSpelling | undefined;
  /** Left out: the same key. */
  readonly targetKeyId?: string | undefined;
}

export interface RewrapDataResponse {
  readonly ciphertext: Buffer;
  readonly keyId: string;
  readonly version: number;
  /** The version that the ciphertext was under. */
  readonly sourceVersion: number;
}

export interface HashRequest {
  readonly algorithm: DigestSpelling;
  readonly data: Uint8Array;
}

export interface HashResponse {
  readonly digest: Buffer;
  readonly algorithm: DigestName;
}

export interface CipherOperations {
  encrypt(request: EncryptRequest): Promise<EncryptResponse>;
  decrypt(request: DecryptRequest): Promise<DecryptResponse>;
  generateDataKey(request: GenerateDataKeyRequest): Promise<GenerateDataKeyResponse>;
  /** A ciphertext under the newest version of its key, or under another key; the plaintext stays in the vault. */
  rewrapData(request: RewrapDataRequest): Promise<RewrapDataResponse>;
  hash(request: HashRequest): Promise<HashResponse>;
  generateRandom(request: { readonly sizeBytes: number }): Promise<Buffer>;
}

export const CIPHER_OPERATIONS: Ways<CipherOperations> = {
  encrypt: "Encrypt",
  decrypt: "Decrypt",
  generateDataKey: "GenerateDataKey",
  rewrapData: "RewrapData",
  hash: "Hash",
  generateRandom: ["GenerateRandom", "random"],
};
