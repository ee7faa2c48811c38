/** Secrets shared with others, keys derived from them, and messages to the holder of a key. */
import type { KdfName } from "@keystead/contract/kdfs";
import type { Ways } from "../operation-ways.ts";
import type { Key, KeyAddress, KeyTemplate } from "./keys.ts";
import type { DigestSpelling } from "./names.ts";

/** A derivation and its parameters; which function reads which stands in the reference page of mechanisms. */
export interface KeyDerivation {
  readonly function: KdfName;
  readonly digest?: DigestSpelling | undefined;
  readonly salt?: Uint8Array | undefined;
  readonly info?: Uint8Array | undefined;
  readonly label?: Uint8Array | undefined;
  readonly context?: Uint8Array | undefined;
  readonly iterations?: number | undefined;
  readonly memoryKib?: number | undefined;
  readonly parallelism?: number | undefined;
  readonly cost?: number | undefined;
  readonly blockSize?: number | undefined;
  /** feedback and pipeline functions: no counter. */
  readonly withoutCounter?: boolean | undefined;
}

/** Exactly one of the two. `asBytes` needs the permission crypto:shared_secret, `asKey` key:create. */
export type SecretWish =
  | { readonly asKey: KeyTemplate; readonly derivation?: KeyDerivation | undefined; readonly asBytes?: undefined }
  | { readonly asBytes: true; readonly asKey?: undefined; readonly derivation?: undefined };

/** What became of it. */
export interface SecretResult {
  /** With `asKey`. */
  readonly key?: Key;
  /** Empty unless `asBytes`. Wipe it (`fill(0)`) once used. */
  readonly secret: Buffer;
  readonly keyId: string;
  readonly version: number;
}

export type EncapsulateRequest = KeyAddress & SecretWish;

export interface EncapsulateResponse extends SecretResult {
  readonly ciphertext: Buffer;
}

export type DecapsulateRequest = KeyAddress & SecretWish & { readonly ciphertext: Uint8Array; readonly version?: number | undefined };

export type DecapsulateResponse = SecretResult;

/** `derivation` is needed with `asKey`. */
export type AgreeKeyRequest = KeyAddress &
  SecretWish & {
    /** SubjectPublicKeyInfo (DER or PEM), JWK, or bare. */
    readonly peerPublicKey: Uint8Array;
    readonly version?: number | undefined;
  };

export interface DeriveKeyRequest extends KeyAddress {
  readonly derivation: KeyDerivation;
  readonly asKey: KeyTemplate;
  readonly version?: number | undefined;
}

export interface DeriveKeyResponse {
  readonly key: Key;
  /** The salt that was used; drawn by the vault when a derivation from a password was given none. */
  readonly salt: Buffer;
  readonly keyId: string;
  readonly version: number;
}

export type HpkeKdf = "hkdf_sha256" | "hkdf_sha384" | "hkdf_sha512";

export type HpkeAead = "aes_128_gcm" | "aes_256_gcm" | "chacha20_poly1305";

export interface HpkeChoices extends KeyAddress {
  readonly info?: Uint8Array | undefined;
  readonly associatedData?: Uint8Array | undefined;
  readonly kdf?: HpkeKdf | undefined;
  readonly aead?: HpkeAead | undefined;
  /** A Generic-Secret that both sides hold. */
  readonly pskKeyId?: string | undefined;
  readonly pskId?: Uint8Array | undefined;
}

export interface HpkeSealRequest extends HpkeChoices {
  readonly plaintext: Uint8Array;
}

export interface HpkeSealResponse {
  readonly encapsulatedKey: Buffer;
  readonly ciphertext: Buffer;
  readonly keyId: string;
  readonly version: number;
}

export interface HpkeOpenRequest extends HpkeChoices {
  /** Left out when the ciphertext begins with it. */
  readonly encapsulatedKey?: Uint8Array | undefined;
  readonly ciphertext: Uint8Array;
  readonly version?: number | undefined;
}

export interface HpkeOpenResponse {
  /** Wipe it (`fill(0)`) once used. */
  readonly plaintext: Buffer;
  readonly keyId: string;
  readonly version: number;
}

export interface EstablishmentOperations {
  /** A fresh shared secret for the holder of the private half: a managed key, or bytes. */
  encapsulate(request: EncapsulateRequest): Promise<EncapsulateResponse>;
  decapsulate(request: DecapsulateRequest): Promise<DecapsulateResponse>;
  /** The secret shared with a peer: a managed key by way of a derivation, or bytes. */
  agreeKey(request: AgreeKeyRequest): Promise<SecretResult>;
  /** A managed key out of a generic secret: a key or a password. */
  deriveKey(request: DeriveKeyRequest): Promise<DeriveKeyResponse>;
  /** One message to the holder of a key (HPKE, RFC 9180). */
  hpkeSeal(request: HpkeSealRequest): Promise<HpkeSealResponse>;
  hpkeOpen(request: HpkeOpenRequest): Promise<HpkeOpenResponse>;
}

export const ESTABLISHMENT_OPERATIONS: Ways<EstablishmentOperations> = {
  encapsulate: "Encapsulate",
  decapsulate: "Decapsulate",
  agreeKey: "AgreeKey",
  deriveKey: "DeriveKey",
  hpkeSeal: "HpkeSeal",
  hpkeOpen: "HpkeOpen",
};
