import { generateDataKey as operation } from "@keystead/contract/operations/generate-data-key";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer } from "@keystead/crypto/wipe";
import { encodeCiphertext } from "./ciphertext.ts";
import { grantOf, handler } from "./handler.ts";
import { cipherParams } from "./parameters.ts";

/** A random key for the caller to encrypt with, in plain and under the key: open it again with Decrypt. */
export const generateDataKey = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const key = await objects.open(grantOf(invocation));
  const plaintext = fillRandom(secretBuffer(request.sizeBytes === 0 ? 32 : request.sizeBytes));
  const { ciphertext, nonce } = provider.encrypt(
    key,
    plaintext,
    cipherParams(key.algorithm, { associatedData: request.associatedData, scheme: 0, digest: 0 }),
  );
  return {
    reply: { plaintext, ciphertext: encodeCiphertext(key.version, nonce, ciphertext), keyId: request.keyId, version: key.version },
    version: key.version,
    secrets: [plaintext],
  };
});
