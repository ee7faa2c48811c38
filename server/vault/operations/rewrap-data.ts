import { Digest, EncryptionScheme } from "@keystead/contract/generated/hsm/hsm_pb";
import { rewrapData as operation } from "@keystead/contract/operations/rewrap-data";
import { wipe } from "@keystead/crypto/wipe";
import { decodeCiphertext, decryptionFailed, encodeCiphertext } from "./ciphertext.ts";
import { grantOf, handler, otherGrantOf } from "./handler.ts";
import { cipherParams } from "./parameters.ts";

/** Decrypts and encrypts anew in one step; the plaintext is in no reply and is wiped here. */
export const rewrapData = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const sealed = decodeCiphertext(request.ciphertext);
  const source = await objects.open(grantOf(invocation), sealed?.version ?? 0, decryptionFailed);
  const target = await objects.open(otherGrantOf(invocation));
  if (sealed === undefined) throw decryptionFailed();
  const choice = { associatedData: request.associatedData, digest: request.digest, scheme: EncryptionScheme.UNSPECIFIED };
  // RSA alone has a digest to choose; a target of another kind has nothing to do with it.
  const targetChoice = target.algorithm.startsWith("RSA-") ? choice : { ...choice, digest: Digest.DIGEST_UNSPECIFIED };
  const plaintext = provider.decrypt(source, sealed, cipherParams(source.algorithm, choice));
  try {
    const { ciphertext, nonce } = provider.encrypt(target, plaintext, cipherParams(target.algorithm, targetChoice));
    return {
      reply: {
        ciphertext: encodeCiphertext(target.version, nonce, ciphertext),
        keyId: target.keyId,
        version: target.version,
        sourceVersion: source.version,
      },
      version: target.version,
    };
  } finally {
    wipe(plaintext);
  }
});
