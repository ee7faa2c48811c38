import { HsmError } from "@keystead/contract/errors";
import { CiphertextFormat, EncryptionScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import { decrypt as operation } from "@keystead/contract/operations/decrypt";
import { decodeCiphertext, decryptionFailed } from "./ciphertext.ts";
import { grantOf, handler } from "./handler.ts";
import { cipherParams } from "./parameters.ts";

/**
 * Decrypts. Every ciphertext that does not open has the same answer: wrong key, wrong version, changed byte, wrong
 * associated data, no ciphertext of ours at all.
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
  const key = await objects.open(grantOf(invocation), sealed?.version ?? 0, decryptionFailed);
  if (sealed === undefined) throw decryptionFailed();
  const plaintext = provider.decrypt(key, sealed, cipherParams(key.algorithm, request));
  return { reply: { plaintext, version: key.version }, own: "plaintext", version: key.version, secrets: [plaintext] };
});
