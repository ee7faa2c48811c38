import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { KeyMaterialFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { importKey as operation } from "@keystead/contract/operations/import-key";
import type { ImportFormat } from "@keystead/crypto/mechanism";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { handler } from "./handler.ts";
import { currentPublicKeyPem, exportPolicyName, keyMessage } from "./key-message.ts";
import { newKeyId, newKeyLife, newKeyUsage } from "./new-key.ts";

const FORMATS: Readonly<Record<KeyMaterialFormat, ImportFormat | undefined>> = Object.freeze({
  [KeyMaterialFormat.UNSPECIFIED]: undefined,
  [KeyMaterialFormat.PKCS8]: "pkcs8",
  [KeyMaterialFormat.SEC1]: "sec1",
  [KeyMaterialFormat.JWK]: "jwk",
  [KeyMaterialFormat.RAW]: "raw",
  [KeyMaterialFormat.PEM]: "pem",
});

/** Takes a key made elsewhere, after the mechanism has checked it whole. The request's copy is wiped with its frame. */
export const importKey = handler(operation, async ({ namespace, request, run }, { objects, provider }) => {
  const algorithm = algorithmName(request.algorithm);
  const format = FORMATS[request.format];
  if (algorithm === undefined || format === undefined) throw new HsmError("INVALID_REQUEST", "algorithm or format is missing");
  const usage = newKeyUsage(algorithm, request.usage);
  const life = newKeyLife(request, objects.now());
  const keyId = request.keyId === "" ? newKeyId(Date.now()) : request.keyId;
  const key = mechanismFor(algorithm).importKey(format, request.keyMaterial);
  await provider.checkImported(algorithm, key, run);
  const { described, change } = await objects.create({
    namespace,
    keyId,
    algorithm,
    usage,
    tags: [...new Set(request.tags)],
    description: request.description,
    exportable: exportPolicyName(request.exportable),
    ...life,
    key,
    local: false,
  });
  return { reply: { keyId, key: keyMessage(described), publicKey: currentPublicKeyPem(described) }, keyId, version: 1, change };
});
