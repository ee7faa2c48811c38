import { HsmError } from "@keystead/contract/errors";
import { CiphertextFormat, EncryptionScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import { decrypt as operation } from "@keystead/contract/operations/decrypt";
import type { OpenKey } from "../objects/key-shapes.ts";
import { decodeCiphertext, decryptionFailed } from "./ciphertext.ts";
import { grantOf, handler } from "./handler.ts";
import { cipherParams } from "./parameters.ts";
import { openedByAny } from "./versions-tried.ts";

/**
 * Decrypts. Every ciphertext that does not open has the same answer: wrong key, wrong version, changed byte, wrong
 * associated data, no ciphertext of ours at all.
 *
 * A bare ciphertext does not say its version. Where none is named and the mechanism authenticates, older versions are tried
 * after the current one; where it does not, the current one alone is used.
 */
export const decrypt = handler(operation, async (invocation, { objects, provider, rsaPkcs1Decryption }) => {
  const { request } = invocation;
  if (request.scheme === EncryptionScheme.PKCS1 && !rsaPkcs1Decryption) {
    throw new HsmError("MECHANISM_NOT_SUPPORTED", "PKCS#1 v1.5 decryption is off (crypto.rsa_pkcs1_decryption); use OAEP");
  }
  const raw = request.format === CiphertextFormat.RAW;
  const sealed = raw
    ? { version: request.version, nonce: request.nonce, ciphertext: request.ciphertext }
    : decodeCiphertext(request.ciphertext);
  const open = (key: OpenKey): Buffer => {
    if (sealed === undefined) throw decryptionFailed();
    return provider.decrypt(key, sealed, cipherParams(key.algorithm, request));
  };
  const authenticates = (key: OpenKey): boolean => provider.authenticates(key, cipherParams(key.algorithm, request));
  const grant = grantOf(invocation);
  const named = sealed?.version !== 0;
  const keys = named ? [objects.open(grant, sealed?.version ?? 0, decryptionFailed)] : objects.openAll(grant);
  const { key, opened: plaintext } = await openedByAny(keys, open, authenticates);
  return { reply: { plaintext, version: key.version }, own: "plaintext", version: key.version, secrets: [plaintext] };
});
