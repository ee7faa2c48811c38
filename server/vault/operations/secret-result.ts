/**
 * What becomes of an established secret: a managed key, or bytes in the reply.
 *
 * The wish is checked before any secret is made. Nothing here may let bytes out that were not asked for by name; whether
 * they may leave was decided with the request.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ALGORITHMS, type AlgorithmName, type Usage } from "@keystead/contract/algorithms";
import { algorithmName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { KeyState, type KeyDerivation, type KeySchema, type KeyTemplate } from "@keystead/contract/generated/hsm/hsm_pb";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { wipe } from "@keystead/crypto/wipe";
import type { ExportPolicy } from "../objects/attributes.ts";
import type { NewLife } from "../objects/attribute-values.ts";
import type { Change } from "../objects/change.ts";
import type { OpenKey } from "../objects/key-shapes.ts";
import type { CallersKeys } from "../objects/callers-keys.ts";
import type { Derivation, Run } from "../providers/software.ts";
import { derivationOf } from "./derivation.ts";
import type { Context } from "./handler.ts";
import { exportPolicyName, keyMessage } from "./key-message.ts";
import { newKeyId, newKeyLife, newKeySize, newKeyUsage } from "./new-key.ts";

/** A wish that can be granted: "bytes", or the key that the secret is to become, by way of a derivation or as it is. */
export type Wish = "bytes" | WishedKey;

export interface WishedKey {
  readonly namespace: string;
  readonly keyId: string;
  readonly algorithm: AlgorithmName;
  readonly sizeBytes: number;
  readonly usage: readonly Usage[];
  readonly tags: readonly string[];
  readonly description: string;
  readonly exportable: ExportPolicy;
  readonly sessionKey: boolean;
  readonly life: NewLife;
  readonly derivation: Derivation | undefined;
}

/** What the reply, the monitor and the log get of a granted wish. */
export interface Granted {
  readonly fields: { readonly key?: MessageInitShape<typeof KeySchema>; readonly secret?: Buffer };
  readonly change?: Change;
  readonly secrets?: readonly Uint8Array[];
}

/**
 * The wish of a request, checked as far as it can be before there is a secret.
 *
 * @throws {HsmError} INVALID_REQUEST        neither or both of as_key and as_bytes; a usage the algorithm cannot have
 * @throws {HsmError} MECHANISM_PARAM_INVALID   as_key names no secret-key algorithm
 * @throws {HsmError} OBJECT_NOT_FOUND       the namespace
 */
export async function wishOf(
  namespace: string,
  request: {
    readonly asKey?: KeyTemplate | undefined;
    readonly asBytes: boolean;
    readonly derivation?: KeyDerivation | undefined;
  },
  objects: CallersKeys,
): Promise<Wish> {
  const { asKey, asBytes, derivation } = request;
  if ((asKey !== undefined) === asBytes)
    throw new HsmError("INVALID_REQUEST", "say what the secret becomes: as_key or as_bytes, one of them");
  if (asKey !== undefined)
    return wishedKey(namespace, asKey, derivation === undefined ? undefined : derivationOf(derivation, ["shared secret"]), objects);
  if (derivation !== undefined) throw new HsmError("INVALID_REQUEST", "as_bytes gives the secret as it is: a derivation needs as_key");
  return "bytes";
}

/** The key that a template describes. @throws {HsmError} as {@link wishOf} */
export async function wishedKey(
  namespace: string,
  template: KeyTemplate,
  derivation: Derivation | undefined,
  objects: CallersKeys,
): Promise<WishedKey> {
  const algorithm = algorithmName(template.algorithm);
  if (algorithm === undefined) throw new HsmError("INVALID_REQUEST", "as_key.algorithm is missing");
  if (ALGORITHMS[algorithm].objectClass !== "secret")
    throw new HsmError("MECHANISM_PARAM_INVALID", `a secret cannot become a key of ${algorithm}: it is not a secret key`);
  const usage = newKeyUsage(algorithm, template.usage);
  await objects.describeNamespace(namespace);
  return {
    namespace,
    keyId: newKeyId(template),
    algorithm,
    derivation,
    sizeBytes: newKeySize(algorithm, template.sizeBytes),
    usage,
    tags: [...new Set(template.tags)],
    description: template.description,
    exportable: exportPolicyName(template.exportable),
    sessionKey: template.sessionKey,
    life: newKeyLife(algorithm, { attributes: template.attributes, state: KeyState.UNSPECIFIED }, objects.now()),
  };
}

/** Two secrets side by side are no key: they become one by a derivation. @throws {HsmError} INVALID_REQUEST */
export function requireDerivation(key: OpenKey, wish: Wish): void {
  if (wish !== "bytes" && wish.derivation === undefined && key.mechanism.kem?.needsDerivation === true)
    throw new HsmError("INVALID_REQUEST", `a secret of ${key.algorithm} becomes a key by a derivation: hkdf, x963 or one_step`);
}

/**
 * Grants it. The secret is wiped here, or with the reply.
 *
 * @param source the key it came from, which the new one remembers
 * @param local whether the key counts as made in this vault alone (CKA_LOCAL): not when somebody else holds it too
 * @throws {HsmError} MECHANISM_PARAM_INVALID   the secret is not as long as the key is to be
 * @throws {HsmError} OBJECT_EXISTS, QUOTA_EXCEEDED
 */
export async function grantWish(
  wish: Wish,
  secret: Buffer,
  source: OpenKey,
  local: boolean,
  { objects, provider }: Context,
  run: Run,
): Promise<Granted> {
  if (wish === "bytes") return { fields: { secret }, secrets: [secret] };
  let material = secret;
  try {
    const { sizeBytes, derivation, life, ...described } = wish;
    if (derivation !== undefined) material = await provider.derive(secret, derivation, sizeBytes, run);
    if (material.byteLength !== sizeBytes)
      throw new HsmError(
        "MECHANISM_PARAM_INVALID",
        `the secret has ${secret.byteLength} bytes, a key of ${wish.algorithm} has ${sizeBytes}: a derivation makes the one of the other`,
      );
    const key = mechanismFor(wish.algorithm).importKey("raw", material);
    const { described: made, change } = await objects.create({
      ...described,
      ...life,
      key,
      local,
      derivedFrom: `${source.keyId}@v${source.version}`,
    });
    return { fields: { key: keyMessage(made) }, change };
  } finally {
    wipe(secret, material);
  }
}
