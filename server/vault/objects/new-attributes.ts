/**
 * What is said about a key when it is made, and about each version when it is.
 */
import { keyBytes } from "@keystead/contract/algorithms";
import type { Key } from "@keystead/crypto/composite-key";
import { publicKeyDer } from "@keystead/crypto/formats/public-key";
import type { KeyAttributes, VersionAttributes } from "./attributes.ts";
import { requireApart, requireStrength, requireTrustworthy } from "./key-rules.ts";
import type { NewKey } from "./key-shapes.ts";

/**
 * The attributes of a new key.
 *
 * @param now milliseconds since the epoch
 * @throws {HsmError} INVALID_REQUEST for a trusted key that nobody should trust, or one for uses that do not go together
 */
export function newAttributes(key: NewKey, now: number): KeyAttributes {
  const origin = key.derivedFrom === undefined ? {} : { derivedFrom: key.derivedFrom };
  const version = { ...versionOf(1, key.key, now, key.local), ...origin, ...(key.mark === undefined ? {} : { mark: key.mark }) };
  const exportable = key.exportable ?? "never";
  const attributes: KeyAttributes = {
    algorithm: key.algorithm,
    ...sizeOf(key),
    state: key.state ?? "active",
    current: 1,
    usage: key.usage,
    tags: key.tags,
    description: key.description,
    createdAt: now,
    updatedAt: now,
    versions: [version],
    exportable,
    label: key.label ?? "",
    objectId: key.objectId ?? "",
    alwaysSensitive: (key.copyOf?.alwaysSensitive ?? key.local) && exportable !== "plain",
    neverExtractable: (key.copyOf?.neverExtractable ?? key.local) && exportable === "never",
    modifiable: key.modifiable ?? true,
    ...(key.startDate === undefined ? (key.state === "pre_activation" ? {} : { startDate: now }) : { startDate: key.startDate }),
    ...(key.endDate === undefined ? {} : { endDate: key.endDate }),
    ...(key.rotation === undefined ? {} : { rotation: key.rotation }),
    ...(key.allowedMechanisms === undefined ? {} : { allowedMechanisms: key.allowedMechanisms }),
    ...(key.maxUses === undefined ? {} : { maxUses: key.maxUses }),
    ...(key.maxBytes === undefined ? {} : { maxBytes: key.maxBytes }),
    ...(key.trusted === undefined ? {} : { trusted: key.trusted }),
    ...(key.wrapWithTrusted === undefined ? {} : { wrapWithTrusted: key.wrapWithTrusted }),
    ...(key.copyable === undefined ? {} : { copyable: key.copyable }),
    ...(key.destroyable === undefined ? {} : { destroyable: key.destroyable }),
    ...(key.alwaysAuthenticate === undefined ? {} : { alwaysAuthenticate: key.alwaysAuthenticate }),
    ...(key.subject === undefined ? {} : { subject: key.subject }),
  };
  if (key.trusted === true) requireTrustworthy(attributes);
  requireApart(attributes);
  requireStrength(attributes);
  return attributes;
}

/** The size of a secret key, where it is not its algorithm's usual one. */
function sizeOf({ algorithm, key }: NewKey): Pick<KeyAttributes, "sizeBytes"> {
  const bytes = key.type === "secret" ? key.symmetricKeySize : undefined;
  return bytes === undefined || bytes === keyBytes(algorithm).usual ? {} : { sizeBytes: bytes };
}

/** A version that becomes the current one. */
export function versionOf(version: number, key: Key, now: number, local: boolean): VersionAttributes {
  return { version, state: "active", createdAt: now, local, publicKey: key.type === "secret" ? "" : publicKeyDer(key).toString("base64") };
}
