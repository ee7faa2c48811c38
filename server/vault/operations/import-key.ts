import type { AlgorithmName } from "@keystead/contract/algorithms";
import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { KeyMaterialFormat } from "@keystead/contract/generated/hsm/hsm_pb";
import { importKey as operation } from "@keystead/contract/operations/import-key";
import type { Key } from "@keystead/crypto/composite-key";
import type { ImportFormat } from "@keystead/crypto/mechanism";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { unwrapFailed } from "@keystead/crypto/mechanisms/refusals";
import { wipeAfter } from "@keystead/crypto/wipe";
import type { CallersKeys } from "../objects/callers-keys.ts";
import type { SoftwareProvider } from "../providers/software.ts";
import { handler, otherGrantOf, type Invocation } from "./handler.ts";
import { currentPublicKeyPem, exportPolicyName, keyMessage } from "./key-message.ts";
import { newKeyId, newKeyLife, newKeyUsage } from "./new-key.ts";
import { openedByAny } from "./versions-tried.ts";
import { keyFromUnwrapped, wrapParams } from "./wrapping.ts";

const FORMATS: Readonly<Record<KeyMaterialFormat, ImportFormat | undefined>> = Object.freeze({
  [KeyMaterialFormat.UNSPECIFIED]: undefined,
  [KeyMaterialFormat.PKCS8]: "pkcs8",
  [KeyMaterialFormat.SEC1]: "sec1",
  [KeyMaterialFormat.JWK]: "jwk",
  [KeyMaterialFormat.RAW]: "raw",
  [KeyMaterialFormat.PEM]: "pem",
});

/** The key in material that is wrapped under a key of this vault. */
async function unwrappedKey(
  invocation: Invocation<typeof operation.method.input>,
  algorithm: AlgorithmName,
  format: ImportFormat,
  objects: CallersKeys,
  provider: SoftwareProvider,
): Promise<Key> {
  const { wrappingVersion, wrappingMechanism, wrappingDigest, keyMaterial } = invocation.request;
  const [grant, params] = [otherGrantOf(invocation), wrapParams(wrappingMechanism, wrappingDigest)];
  const keys = wrappingVersion === 0 ? objects.openAll(grant) : [objects.open(grant, wrappingVersion, unwrapFailed)];
  const { opened } = await openedByAny(keys, (key) => provider.unwrap(key, keyMaterial, params));
  return wipeAfter(opened, (material) => keyFromUnwrapped(algorithm, format, material));
}

/**
 * Takes a key made elsewhere, in plain or wrapped under a key of this vault, after the mechanism has checked it whole. The
 * request's copy is wiped with its frame.
 */
export const importKey = handler(operation, async (invocation, { objects, provider }) => {
  const { namespace, request, run } = invocation;
  const algorithm = algorithmName(request.algorithm);
  const format = FORMATS[request.format];
  if (algorithm === undefined || format === undefined) throw new HsmError("INVALID_REQUEST", "algorithm or format is missing");
  const usage = newKeyUsage(algorithm, request.usage);
  const life = newKeyLife(algorithm, request, objects.now());
  const keyId = newKeyId(request);
  const key =
    request.wrappingKeyId === ""
      ? mechanismFor(algorithm).importKey(format, request.keyMaterial)
      : await unwrappedKey(invocation, algorithm, format, objects, provider);
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
    ...(request.wrappingKeyId === "" ? {} : { under: request.wrappingKeyId }),
    sessionKey: request.sessionKey,
  });
  return { reply: { keyId, key: keyMessage(described), publicKey: currentPublicKeyPem(described) }, keyId, version: 1, change };
});
