/**
 * The plain objects this client takes and gives: canonical algorithm names, Buffers and Dates instead of enum
 * numbers, Uint8Arrays and protobuf timestamps. Field for field they are the messages of proto/hsm.
 */
export type * from "./areas/approvals.ts";
export type * from "./areas/audit.ts";
export type * from "./areas/batches.ts";
export type * from "./areas/certificates.ts";
export type * from "./areas/ciphers.ts";
export type * from "./areas/establishment.ts";
export type * from "./areas/identity.ts";
export type * from "./areas/keys.ts";
export type * from "./areas/names.ts";
export type * from "./areas/namespaces.ts";
export type * from "./areas/policy.ts";
export type * from "./areas/signatures.ts";
export type * from "./areas/stored-objects.ts";
export type * from "./areas/tokens.ts";
export type * from "./areas/transfer.ts";
export type * from "./areas/vault.ts";
export type { CipherMode, MacMode, WrapMode } from "@keystead/contract/key-modes";
