/**
 * What a copy of a key is to be: as the key is, but for what is asked for, and never weaker.
 *
 * @see PKCS#11 3.2 §5.7.2 (C_CopyObject)
 */
import type { Usage } from "@keystead/contract/algorithms";
import { HsmError } from "@keystead/contract/errors";
import { newLife, type SomeAttributes } from "./attribute-values.ts";
import type { ExportPolicy, KeyAttributes } from "./attributes.ts";
import type { NewKey, OpenKey } from "./key-shapes.ts";
import { newAttributes } from "./new-attributes.ts";
import { weakerIn } from "./no-weaker.ts";

/** What is asked for; what is left out is as it is of the key. */
export interface CopyWish {
  readonly namespace: string;
  readonly keyId: string;
  readonly usage?: readonly Usage[];
  /** Besides those of the key, which the copy has too: a rule that looks at them is about both. */
  readonly tags: readonly string[];
  readonly description?: string | undefined;
  readonly exportable?: ExportPolicy;
  readonly attributes: SomeAttributes;
  readonly state: "pre_activation" | "active" | undefined;
  readonly sessionKey: boolean;
}

/**
 * The copy, to be made.
 *
 * @param open the key's current version
 * @throws {HsmError} KEY_ATTRIBUTE_FORBIDS for a key that is not copyable; INVALID_REQUEST naming the attribute in which the
 *   copy would be weaker, or that cannot be given
 */
export function copyOf(source: KeyAttributes, open: OpenKey, wish: CopyWish, now: number): NewKey {
  if (source.copyable === false) throw new HsmError("KEY_ATTRIBUTE_FORBIDS", `key '${open.keyId}' is not copyable`);
  const { attributes: wanted, sessionKey } = wish;
  const life = newLife(
    source.algorithm,
    {
      ...wanted,
      label: wanted.label ?? source.label,
      // One stored key of an id is all there may be.
      id: wanted.id ?? (sessionKey ? source.objectId : ""),
      modifiable: wanted.modifiable ?? source.modifiable,
      allowed_mechanisms: wanted.allowed_mechanisms ?? source.allowedMechanisms,
      end_date: wanted.end_date ?? source.endDate,
      wrap_with_trusted: wanted.wrap_with_trusted ?? source.wrapWithTrusted,
      copyable: wanted.copyable,
      destroyable: wanted.destroyable ?? source.destroyable,
      always_authenticate: wanted.always_authenticate ?? source.alwaysAuthenticate,
      subject: wanted.subject ?? source.subject,
    },
    wish.state,
    now,
  );
  const copy: NewKey = {
    namespace: wish.namespace,
    keyId: wish.keyId,
    algorithm: source.algorithm,
    usage: wish.usage ?? source.usage,
    tags: [...new Set([...source.tags, ...wish.tags])],
    description: wish.description ?? source.description,
    exportable: wish.exportable ?? source.exportable,
    ...life,
    key: open.key,
    local: source.versions.find(({ version }) => version === open.version)?.local === true,
    derivedFrom: `${open.keyId}@v${open.version}`,
    sessionKey,
    copyOf: source,
  };
  const weaker = weakerIn(source, newAttributes(copy, now));
  if (weaker !== undefined)
    throw new HsmError("INVALID_REQUEST", `${weaker}: a copy of key '${open.keyId}' cannot be weaker than the key is`);
  return copy;
}
