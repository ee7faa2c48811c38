import { CiphertextFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { encrypt as operation } from "@keystead/contract/operations/encrypt";
import { encodeCiphertext } from "./ciphertext.ts";
import { grantOf, handler } from "./handler.ts";
import { cipherParams } from "./parameters.ts";

/** Encrypts under the current version, with a nonce drawn here unless the caller was permitted to choose it. */
export const encrypt = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const key = await objects.open(grantOf(invocation));
  const { ciphertext, nonce } = provider.encrypt(key, request.plaintext, cipherParams(key.algorithm, request, request.nonce));
  const raw = request.format === CiphertextFormat.RAW;
  return {
    reply: {
      ciphertext: raw ? ciphertext : encodeCiphertext(key.version, nonce, ciphertext),
      ...(raw ? { nonce } : {}),
      keyId: request.keyId,
      version: key.version,
    },
    version: key.version,
  };
});
