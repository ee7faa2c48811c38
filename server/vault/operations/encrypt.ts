import { CiphertextFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { encrypt as operation } from "@keystead/contract/operations/encrypt";
import { HEAD_BYTES, headed } from "./ciphertext.ts";
import { grantOf, handler } from "./handler.ts";
import { cipherParams } from "./parameters.ts";

/** Encrypts under the current version, with a nonce drawn here unless the caller was permitted to choose it. */
export const encrypt = handler(operation, async (invocation, { objects, provider }) => {
  const { request } = invocation;
  const key = await objects.open(grantOf(invocation));
  const params = cipherParams(key.algorithm, request, request.nonce);
  const about = { keyId: request.keyId, version: key.version };
  if (request.format === CiphertextFormat.RAW) {
    const { ciphertext, nonce } = provider.encrypt(key, request.plaintext, params);
    return { reply: { ciphertext, nonce, ...about }, own: "ciphertext", version: key.version };
  }
  const { bytes, nonceBytes } = provider.encryptBehind(key, request.plaintext, params, HEAD_BYTES);
  return { reply: { ciphertext: headed(bytes, key.version, nonceBytes), ...about }, own: "ciphertext", version: key.version };
});
