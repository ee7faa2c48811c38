/**
 * A key's attributes by the names of the attribute table: read, compared, and written as far as the table permits.
 *
 * What a row calls "never" is computed here from the key, so there is nothing that could be written.
 */
import { ALGORITHMS, type AlgorithmName, type Usage } from "@keystead/contract/algorithms";
import { ATTRIBUTES, ATTRIBUTE_NAMES, type AttributeName } from "@keystead/contract/attributes";
import { HsmError } from "@keystead/contract/errors";
import { findMechanism, mechanismsOf, usualMechanismsOf } from "@keystead/contract/mechanism-names";
import type { KeyAttributes } from "./attributes.ts";
import { requireTrustworthy } from "./key-rules.ts";
import { requireState } from "./lifecycle.ts";

/** Values by name; times are milliseconds since the epoch, `id` and `subject` are hexadecimal. */
export interface AttributeValues {
  readonly label: string;
  readonly id: string;
  readonly object_class: string;
  readonly key_type: string;
  readonly size_bits: number;
  readonly usage: readonly Usage[];
  readonly sensitive: boolean;
  readonly extractable: boolean;
  readonly always_sensitive: boolean;
  readonly never_extractable: boolean;
  readonly local: boolean;
  readonly key_gen_mechanism: string;
  readonly modifiable: boolean;
  readonly allowed_mechanisms?: readonly string[];
  readonly start_date?: number;
  readonly end_date?: number;
  readonly max_uses?: number;
  readonly max_bytes?: number;
  readonly trusted: boolean;
  readonly wrap_with_trusted: boolean;
  readonly copyable: boolean;
  readonly destroyable: boolean;
  readonly always_authenticate: boolean;
  readonly subject: string;
}
export type SomeAttributes = { readonly [N in AttributeName]?: AttributeValues[N] | undefined };

/** Every attribute of a key. */
export function attributeValues(key: KeyAttributes): AttributeValues {
  const row = ALGORITHMS[key.algorithm];
  const local = key.versions.find(({ version }) => version === key.current)?.local === true;
  return {
    label: key.label,
    id: key.objectId,
    object_class: row.objectClass,
    key_type: row.ckk,
    size_bits: key.sizeBytes === undefined ? row.sizeBits : 8 * key.sizeBytes,
    usage: key.usage,
    sensitive: key.exportable !== "plain",
    extractable: key.exportable !== "never",
    always_sensitive: key.alwaysSensitive,
    never_extractable: key.neverExtractable,
    local,
    key_gen_mechanism: local ? key.algorithm : "",
    modifiable: key.modifiable,
    ...(key.allowedMechanisms === undefined ? {} : { allowed_mechanisms: key.allowedMechanisms }),
    ...(key.startDate === undefined ? {} : { start_date: key.startDate }),
    ...(key.endDate === undefined ? {} : { end_date: key.endDate }),
    ...(key.maxUses === undefined ? {} : { max_uses: key.maxUses }),
    ...(key.maxBytes === undefined ? {} : { max_bytes: key.maxBytes }),
    trusted: key.trusted === true,
    wrap_with_trusted: key.wrapWithTrusted === true,
    copyable: key.copyable !== false,
    destroyable: key.destroyable !== false,
    always_authenticate: key.alwaysAuthenticate === true,
    subject: key.subject ?? "",
  };
}

/** The names that are given. */
const given = (some: SomeAttributes): AttributeName[] => ATTRIBUTE_NAMES.filter((name) => some[name] !== undefined);

/** Whether a key has these values; of usages, at least these; of allowed mechanisms, that it may be used in all these ways. */
export function attributesMatch(key: KeyAttributes, wanted: SomeAttributes): boolean {
  const values = attributeValues(key);
  return given(wanted).every((name) => {
    if (name === "usage") return wanted.usage?.every((usage) => values.usage.includes(usage));
    if (name !== "allowed_mechanisms") return values[name] === wanted[name];
    const ways = values.allowed_mechanisms ?? usualMechanismsOf(key.algorithm);
    return wanted.allowed_mechanisms?.every((spelling) => ways.includes(findMechanism(key.algorithm, spelling) ?? ""));
  });
}

/**
 * SetAttributes: the key's attributes with these changed. Writing the value that is there changes nothing and is
 * permitted wherever writing is.
 *
 * @throws {HsmError} KEY_STATE_FORBIDS by the lifecycle table; KEY_ATTRIBUTE_FORBIDS while the key is not modifiable;
 *   INVALID_REQUEST naming the attribute that nobody may write so
 */
export function withAttributes(keyId: string, before: KeyAttributes, wanted: SomeAttributes, now: number): KeyAttributes {
  requireState("SetAttributes", keyId, before);
  const names = given(wanted);
  if (names.length === 0) throw new HsmError("INVALID_REQUEST", "attributes: none is given");
  if (!before.modifiable) throw new HsmError("KEY_ATTRIBUTE_FORBIDS", `key '${keyId}' is not modifiable`);
  const values = attributeValues(before);
  requireSubjectless(before.algorithm, wanted);
  for (const name of names) {
    const wrong = refusal(name, values, wanted, before, now);
    if (wrong !== undefined) throw new HsmError("INVALID_REQUEST", `attributes.${name}: ${wrong}`);
  }
  const sensitive = wanted.sensitive ?? values.sensitive;
  const extractable = wanted.extractable ?? values.extractable;
  const startDate = wanted.start_date ?? before.startDate;
  const endDate = wanted.end_date ?? before.endDate;
  requireOrder(startDate, endDate);
  const maxUses = wanted.max_uses ?? before.maxUses;
  const maxBytes = wanted.max_bytes ?? before.maxBytes;
  const allowed = wanted.allowed_mechanisms === undefined ? before.allowedMechanisms : waysOf(before.algorithm, wanted.allowed_mechanisms);
  const after: KeyAttributes = {
    ...before,
    updatedAt: now,
    label: wanted.label ?? before.label,
    objectId: wanted.id ?? before.objectId,
    usage: before.usage.filter((usage) => wanted.usage === undefined || wanted.usage.includes(usage)),
    exportable: !extractable ? "never" : sensitive ? "wrapped" : "plain",
    modifiable: wanted.modifiable ?? before.modifiable,
    ...(allowed === undefined ? {} : { allowedMechanisms: allowed }),
    ...(startDate === undefined ? {} : { startDate }),
    ...(endDate === undefined ? {} : { endDate }),
    ...(maxUses === undefined ? {} : { maxUses }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(wanted.trusted === undefined ? {} : { trusted: wanted.trusted }),
    ...(wanted.wrap_with_trusted === undefined ? {} : { wrapWithTrusted: wanted.wrap_with_trusted }),
    ...(wanted.copyable === undefined ? {} : { copyable: wanted.copyable }),
    ...(wanted.destroyable === undefined ? {} : { destroyable: wanted.destroyable }),
    ...(wanted.subject === undefined ? {} : { subject: wanted.subject }),
  };
  if (wanted.trusted === true) requireTrustworthy(after);
  return after;
}

/** Why this attribute may not be written so, or undefined. */
function refusal(
  name: AttributeName,
  values: AttributeValues,
  wanted: SomeAttributes,
  before: KeyAttributes,
  now: number,
): string | undefined {
  switch (ATTRIBUTES[name].change) {
    case "never":
      return "is read-only";
    case "at creation":
      return "is said when the key is made";
    case "to true":
      return values[name] === true && wanted[name] === false ? "can only become true" : undefined;
    case "to false":
      return values[name] === false && wanted[name] === true ? "can only become false" : undefined;
    case "to fewer":
      if (name === "allowed_mechanisms") {
        const ways = before.allowedMechanisms ?? usualMechanismsOf(before.algorithm);
        const gained = waysOf(before.algorithm, wanted.allowed_mechanisms ?? []).find((way) => !ways.includes(way));
        return gained === undefined ? undefined : `'${gained}' is not among them; mechanisms can be given up, not gained`;
      }
      return wanted.usage?.every((usage) => values.usage.includes(usage)) === true ? undefined : "usages can be given up, not gained";
    case "while staged":
      return before.state === "pre_activation" ? ahead(wanted[name], now) : "can only be written while the key is staged";
    case "to less":
      return (wanted[name] as number) <= ((values[name] as number | undefined) ?? Infinity) ? undefined : "a limit can only be lowered";
    case "to the future":
      return ahead(wanted[name], now);
    case "freely":
      return undefined;
  }
}

/** Canonical names, each once. @throws {HsmError} INVALID_REQUEST for one that keys of the algorithm have not */
function waysOf(algorithm: AlgorithmName, spellings: readonly string[]): readonly string[] {
  const names = spellings.map((spelling) => {
    const name = findMechanism(algorithm, spelling);
    if (name !== undefined) return name;
    throw new HsmError(
      "INVALID_REQUEST",
      `attributes.allowed_mechanisms: '${spelling}' is no mechanism of ${algorithm} keys; they have ${mechanismsOf(algorithm).join(", ")}`,
    );
  });
  return [...new Set(names)];
}

const ahead = (time: unknown, now: number): string | undefined => ((time as number) > now ? undefined : "must lie ahead");

/** @throws {HsmError} INVALID_REQUEST unless the key ends after it starts */
function requireOrder(startDate: number | undefined, endDate: number | undefined): void {
  if (startDate !== undefined && endDate !== undefined && endDate <= startDate)
    throw new HsmError("INVALID_REQUEST", "attributes.end_date: must be after start_date");
}

/** @throws {HsmError} INVALID_REQUEST for a secret key that is to be somebody's: no object of PKCS#11 would show it */
function requireSubjectless(algorithm: AlgorithmName, { subject = "" }: SomeAttributes): void {
  if (subject !== "" && ALGORITHMS[algorithm].objectClass === "secret")
    throw new HsmError("INVALID_REQUEST", "attributes.subject: is for keys that have a private half");
}

/** What a new key's attributes and state come to. */
export interface NewLife {
  readonly state: "pre_activation" | "active";
  readonly label: string;
  readonly objectId: string;
  readonly modifiable: boolean;
  readonly allowedMechanisms?: readonly string[];
  readonly startDate?: number;
  readonly endDate?: number;
  readonly maxUses?: number;
  readonly maxBytes?: number;
  readonly trusted?: boolean;
  readonly wrapWithTrusted?: boolean;
  readonly copyable?: boolean;
  readonly destroyable?: boolean;
  readonly alwaysAuthenticate?: boolean;
  readonly subject?: string;
}

/**
 * The attributes of a key that is being made.
 *
 * @param state what was asked for; undefined = active, or staged when the start date lies ahead
 * @throws {HsmError} INVALID_REQUEST for an attribute that cannot be given then, or dates that make no sense
 */
export function newLife(
  algorithm: AlgorithmName,
  wanted: SomeAttributes,
  state: "pre_activation" | "active" | undefined,
  now: number,
): NewLife {
  for (const name of given(wanted))
    if (!ATTRIBUTES[name].atCreation) throw new HsmError("INVALID_REQUEST", `attributes.${name}: cannot be given when a key is made`);
  for (const name of ["start_date", "end_date"] as const) {
    const wrong = wanted[name] === undefined ? undefined : ahead(wanted[name], now);
    if (wrong !== undefined) throw new HsmError("INVALID_REQUEST", `attributes.${name}: ${wrong}`);
  }
  requireOrder(wanted.start_date, wanted.end_date);
  if (wanted.always_authenticate === true && ALGORITHMS[algorithm].objectClass === "secret")
    throw new HsmError("INVALID_REQUEST", "attributes.always_authenticate: is for keys that have a private half");
  requireSubjectless(algorithm, wanted);
  if (state === "active" && wanted.start_date !== undefined)
    throw new HsmError("INVALID_REQUEST", "attributes.start_date: the key is to be active at once");
  return {
    state: wanted.start_date === undefined ? (state ?? "active") : "pre_activation",
    label: wanted.label ?? "",
    objectId: wanted.id ?? "",
    modifiable: wanted.modifiable ?? true,
    ...(wanted.allowed_mechanisms === undefined ? {} : { allowedMechanisms: waysOf(algorithm, wanted.allowed_mechanisms) }),
    ...(wanted.start_date === undefined ? {} : { startDate: wanted.start_date }),
    ...(wanted.end_date === undefined ? {} : { endDate: wanted.end_date }),
    ...(wanted.max_uses === undefined ? {} : { maxUses: wanted.max_uses }),
    ...(wanted.max_bytes === undefined ? {} : { maxBytes: wanted.max_bytes }),
    // What every key is unless somebody says otherwise is not written down.
    ...(wanted.trusted === true ? { trusted: true } : {}),
    ...(wanted.wrap_with_trusted === true ? { wrapWithTrusted: true } : {}),
    ...(wanted.copyable === false ? { copyable: false } : {}),
    ...(wanted.destroyable === false ? { destroyable: false } : {}),
    ...(wanted.always_authenticate === true ? { alwaysAuthenticate: true } : {}),
    ...(wanted.subject === undefined || wanted.subject === "" ? {} : { subject: wanted.subject }),
  };
}
