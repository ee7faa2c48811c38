/**
 * The subject of a pending request: what approvers read and sign.
 *
 * Fields are shown as REST spells them. Bytes are shown by length and SHA-256; what the contract marks as secret
 * (`debug_redact`) is left out by name. The message itself is covered by the payload digest: with a random salt, kept with the
 * message, where a field could be guessed from its digest.
 */
import { hash } from "node:crypto";
import { toBinary, toJson, type DescField, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";
import type { Json } from "@keystead/crypto/formats/canonical-json";

/** A field that must not be shown. */
const isSecret = (field: DescField): boolean => field.proto.options?.debugRedact === true;

/** The message as people read it before they agree to it. */
export function readableRequest<D extends DescMessage>(desc: D, message: MessageShape<D>): Json {
  return shown(desc, message as Message, toJson(desc, message, { useProtoFieldName: true }) as Readonly<Record<string, Json>>);
}

function shown(desc: DescMessage, message: Message, json: Readonly<Record<string, Json>>): Json {
  const members = message as unknown as Readonly<Record<string, unknown>>;
  const result: Record<string, Json> = {};
  for (const field of desc.fields) {
    if (!(field.name in json)) continue;
    const plain = json[field.name] as Json;
    const value =
      field.oneof === undefined ? members[field.localName] : (members[field.oneof.localName] as { value?: unknown } | undefined)?.value;
    result[field.name] = isSecret(field) ? "[secret]" : one(field, value, plain);
  }
  return result;
}

function one(field: DescField, value: unknown, plain: Json): Json {
  if (value instanceof Uint8Array) return digestOf(value);
  if (field.fieldKind === "message" && isPlainMessage(value) && isObject(plain)) return shown(field.message, value, plain);
  if (field.fieldKind === "list" && Array.isArray(value) && Array.isArray(plain))
    return value.map((item: unknown, at): Json => {
      if (item instanceof Uint8Array) return digestOf(item);
      const text = plain[at] as Json;
      return field.listKind === "message" && isPlainMessage(item) && isObject(text) ? shown(field.message, item, text) : text;
    });
  return plain;
}

const isPlainMessage = (value: unknown): value is Message => typeof value === "object" && value !== null && "$typeName" in value;
const isObject = (value: Json): value is { readonly [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const digestOf = (bytes: Uint8Array): Json => ({ bytes: bytes.length, sha256: hash("sha256", bytes, "hex") });

/** Does the message hold a field that is marked secret, and is it set? */
export function holdsSecret(desc: DescMessage, message: Message): boolean {
  const members = message as unknown as Readonly<Record<string, unknown>>;
  return desc.fields.some((field) => {
    const value =
      field.oneof === undefined ? members[field.localName] : (members[field.oneof.localName] as { value?: unknown } | undefined)?.value;
    if (isSecret(field)) return value instanceof Uint8Array ? value.length > 0 : value !== undefined && value !== "";
    const inner = field.message;
    if (inner === undefined) return false;
    return (Array.isArray(value) ? value : [value]).some((item: unknown) => isPlainMessage(item) && holdsSecret(inner, item));
  });
}

/** The exact bytes of a request: what is kept, digested, and performed. */
export const messageBytes = <D extends DescMessage>(desc: D, message: MessageShape<D>): Uint8Array => toBinary(desc, message);
