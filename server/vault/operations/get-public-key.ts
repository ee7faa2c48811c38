import { algorithmNumber } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { PublicKeyFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { getPublicKey as operation } from "@keystead/contract/operations/get-public-key";
import { publicKeyJwk, publicKeyPem } from "@keystead/crypto/formats/public-key";
import { loadPublicKey } from "@keystead/crypto/mechanisms/register";
import { handler } from "./handler.ts";

/** The public half of a key pair, of any version that is not destroyed. No private key is opened for it. */
export const getPublicKey = handler(operation, async ({ namespace, request }, { objects }) => {
  const { attributes } = await objects.describe(namespace, request.keyId);
  const version = request.version === 0 ? attributes.current : request.version;
  const found = attributes.versions.find((candidate) => candidate.version === version);
  if (found === undefined) throw new HsmError("OBJECT_NOT_FOUND", `key '${request.keyId}' has no version ${version}`);
  if (found.state === "destroyed") throw new HsmError("KEY_STATE_FORBIDS", `key '${request.keyId}' is destroyed`);
  if (found.publicKey === "") throw new HsmError("MECHANISM_NOT_SUPPORTED", `${attributes.algorithm} keys have no public half`);
  const key = loadPublicKey(attributes.algorithm, Buffer.from(found.publicKey, "base64"));
  const publicKey = request.format === PublicKeyFormat.JWK ? JSON.stringify(publicKeyJwk(key, attributes.algorithm)) : publicKeyPem(key);
  return { reply: { keyId: request.keyId, version, algorithm: algorithmNumber(attributes.algorithm), publicKey }, version };
});
