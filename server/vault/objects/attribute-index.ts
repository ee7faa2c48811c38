/**
 * What a store may file a key under: index entries, which stand in the header of the key's sealed record.
 *
 *      key_type=CKK_EC                   a public attribute, as it is
 *      label~pQ3…                        any other: 128 bits of HMAC-SHA-256 under the index key, base64url
 *      material~x1_…                     the mark of a version's material, where the key may leave the vault
 *
 * The header is under the record's MAC, and its digest is in the audit log, so entries are as genuine as the record. A
 * store reads them off the record (record.ts) and files the key; it learns which keys of one namespace share a value and
 * never the value. Equal values have different entries in different namespaces and in different vaults.
 *
 * What nearly every key has is not an entry: of booleans only the rarer value is one, an active key has none for its
 * state, an empty label none at all. This file must never decide whether a key fits: whoever found it opens it and looks.
 */
import { createHmac, type KeyObject } from "node:crypto";
import type { AlgorithmName } from "@keystead/contract/algorithms";
import { ATTRIBUTES, ATTRIBUTE_NAMES, type AttributeName } from "@keystead/contract/attributes";
import { attributeValues, type SomeAttributes } from "./attribute-values.ts";
import type { KeyAttributes, KeyStateName } from "./attributes.ts";

/** What keys are looked for by, as far as entries can say it. */
export interface Wanted {
  readonly algorithm?: AlgorithmName | undefined;
  readonly state?: KeyStateName | undefined;
  readonly tags?: readonly string[];
  readonly attributes?: SomeAttributes;
  /** Marks of its versions' material. */
  readonly marks?: readonly string[];
}

/** Bytes of a keyed entry: by chance alone, two among a million values share one with probability 2^-89. */
const HASH_BYTES = 16;

/**
 * States that a record says exactly. A key that is written as active may have passed its end date and be deactivated, so
 * whoever looks for deactivated keys looks through all of them; most keys are active, so filing those would help nobody.
 */
const EXACT_STATES: ReadonlySet<KeyStateName> = new Set([
  "pre_activation",
  "suspended",
  "revoked",
  "compromised",
  "purge_scheduled",
  "destroyed",
]);

/** Attributes that tell keys apart. */
const NAMING: ReadonlySet<AttributeName> = new Set(["id", "label"]);

type Value = SomeAttributes[AttributeName];

/** Whether a value is one that is filed, by the attribute's row. */
function filed(name: AttributeName, value: Value): boolean {
  const { indexed } = ATTRIBUTES[name];
  if (value === undefined || value === "") return false;
  return indexed === "always" || (indexed === "when true" && value === true) || (indexed === "when false" && value === false);
}

/** Of every version's material, as far as they are written down. */
const marksOf = ({ versions }: KeyAttributes): string[] => versions.flatMap(({ mark }) => mark ?? []);

/** Every entry of a key, sorted, each once. */
export function indexEntries(key: KeyObject, namespace: string, attributes: KeyAttributes): readonly string[] {
  const values: SomeAttributes = attributeValues(attributes);
  return [...new Set(entriesOf(key, namespace, { ...attributes, attributes: values, marks: marksOf(attributes) }))].sort();
}

/**
 * Entries that every key wanted has, those that fewest keys are likely to have first; empty when entries cannot help.
 */
export function entriesFor(key: KeyObject, namespace: string, wanted: Wanted): readonly string[] {
  return entriesOf(key, namespace, wanted);
}

function entriesOf(key: KeyObject, namespace: string, { algorithm, state, tags = [], attributes = {}, marks = [] }: Wanted): string[] {
  const keyed = (name: string, value: string): string =>
    `${name}~${createHmac("sha256", key).update(`${namespace}\0${name}\0${value}`).digest().toString("base64url", 0, HASH_BYTES)}`;
  const names = ATTRIBUTE_NAMES.filter((name) => filed(name, attributes[name]));
  const entries = (which: readonly AttributeName[]): string[] =>
    which.map((name) => (ATTRIBUTES[name].public ? `${name}=${String(attributes[name])}` : keyed(name, String(attributes[name]))));
  return [
    // Keyed hashes already.
    ...marks.map((mark) => `material~${mark}`),
    ...entries(names.filter((name) => NAMING.has(name))),
    ...tags.map((tag) => keyed("tag", tag)),
    ...(state === undefined || !EXACT_STATES.has(state) ? [] : [keyed("state", state)]),
    ...entries(names.filter((name) => !NAMING.has(name) && typeof attributes[name] === "boolean")),
    ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
    ...entries(names.filter((name) => !NAMING.has(name) && typeof attributes[name] !== "boolean")),
  ];
}
