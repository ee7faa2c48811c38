/**
 * Messages to and from the JSON that REST speaks: snake_case names, enums in people's spelling, bytes in base64.
 *
 * Reading is strict: an unknown member, a wrong type, a value out of range is INVALID_REQUEST naming the field. The
 * protobuf JSON mapping itself (Connect) is @bufbuild/protobuf's and not here.
 */
import { create, ScalarType, type DescField, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { enumNumber, enumSpelling, enumSpellings } from "./enum-names.ts";
import { HsmError } from "./errors.ts";
import type { JsonValue } from "./json.ts";

const TIMESTAMP = "google.protobuf.Timestamp";

const wrong = (field: string, right: string): HsmError => new HsmError("INVALID_REQUEST", `${field}: ${right}`);

/** Fields of a message by every accepted name. */
const namesOf = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

function fieldsByName(desc: DescMessage): ReadonlyMap<string, DescField> {
  let names = namesOf.get(desc);
  if (names === undefined) {
    names = new Map(desc.fields.flatMap((field) => [[field.name, field], [field.jsonName, field]] as [string, DescField][]));
    namesOf.set(desc, names);
  }
  return names;
}

/**
 * A message from a JSON object.
 *
 * @throws {HsmError} INVALID_REQUEST naming the first field that is wrong
 */
export function messageFromJson<D extends DescMessage>(desc: D, json: JsonValue, path = ""): MessageShape<D> {
  if (json === null || typeof json !== "object" || Array.isArray(json)) throw wrong(path === "" ? "the body" : path, "must be an object");
  const message = create(desc);
  const names = fieldsByName(desc);
  const seen = new Set<DescField>();
  for (const name of Object.keys(json)) {
    const at = path === "" ? name : `${path}.${name}`;
    const field = names.get(name);
    if (field === undefined) throw wrong(at, "there is no such field");
    if (seen.has(field)) throw wrong(at, "is given twice, in two spellings");
    seen.add(field);
    const value = json[name] as JsonValue;
    if (value === null) continue;
    setField(message, field, field.fieldKind === "list" ? list(field, value, at) : single(field, value, at), at);
  }
  return message;
}

/** Puts a value where protobuf-es keeps it. @throws {HsmError} INVALID_REQUEST when another member of the oneof is set */
export function setField(message: Message, field: DescField, value: unknown, at: string): void {
  const target = message as unknown as Record<string, unknown>;
  if (field.oneof === undefined) {
    target[field.localName] = value;
    return;
  }
  if ((target[field.oneof.localName] as { case?: string }).case !== undefined) throw wrong(at, `only one of ${field.oneof.fields.map(({ name }) => name).join(", ")} may be given`);
  target[field.oneof.localName] = { case: field.localName, value };
}

function list(field: DescField & { fieldKind: "list" }, json: JsonValue, at: string): unknown[] {
  if (!Array.isArray(json)) throw wrong(at, "must be an array");
  return json.map((item, index) => {
    if (item === null) throw wrong(`${at}[${index}]`, "must not be null");
    return single(field, item, `${at}[${index}]`);
  });
}

/** One value of a field, or one item of a list field. */
export function single(field: DescField, json: JsonValue, at: string): unknown {
  if (field.message !== undefined) return messageFromJson(field.message, json, at);
  if (field.enum !== undefined) {
    const number = typeof json === "string" ? enumNumber(field.enum, json) : undefined;
    if (number === undefined) throw wrong(at, `must be one of ${enumSpellings(field.enum).join(", ")}`);
    return number;
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      if (typeof json !== "string") throw wrong(at, "must be a string");
      return json;
    case ScalarType.BOOL:
      if (typeof json !== "boolean") throw wrong(at, "must be true or false");
      return json;
    case ScalarType.BYTES:
      return bytes(json, at);
    case ScalarType.UINT32: {
      const number = typeof json === "string" && /^\d{1,10}$/.test(json) ? Number(json) : json;
      if (typeof number !== "number" || !Number.isInteger(number) || number < 0 || number > 0xffffffff) throw wrong(at, "must be a whole number from 0 to 4294967295");
      return number;
    }
    case ScalarType.UINT64: {
      if (typeof json === "string" ? !/^\d{1,20}$/.test(json) : typeof json !== "number" || !Number.isSafeInteger(json) || json < 0) throw wrong(at, "must be a whole number, as a string when large");
      return BigInt(json as string | number);
    }
    default:
      throw new TypeError(`${field.parent.typeName}.${field.name}: this scalar type is not part of the contract`);
  }
}

function bytes(json: JsonValue, at: string): Uint8Array {
  if (typeof json !== "string") throw wrong(at, "must be base64 text");
  try {
    return Uint8Array.fromBase64(json, { alphabet: json.includes("-") || json.includes("_") ? "base64url" : "base64" });
  } catch {
    throw wrong(at, "must be base64 text");
  }
}

/** A message as REST prints it: every scalar and list, messages and oneof members only when set. */
export function messageToJson(desc: DescMessage, message: Message): JsonValue {
  const json: { [name: string]: JsonValue } = {};
  for (const field of desc.fields) {
    let value = (message as unknown as Record<string, unknown>)[field.oneof?.localName ?? field.localName];
    if (field.oneof !== undefined) {
      const chosen = value as { case: string | undefined; value?: unknown };
      if (chosen.case !== field.localName) continue;
      value = chosen.value;
    }
    if (value === undefined) continue;
    const printed = field.fieldKind === "list" ? (value as unknown[]).map((item) => print(field, item) ?? null) : print(field, value);
    if (printed !== undefined) json[field.name] = printed;
  }
  return json;
}

function print(field: DescField, value: unknown): JsonValue | undefined {
  if (field.message !== undefined) {
    if (field.message.typeName === TIMESTAMP) return timestampDate(value as Timestamp).toISOString();
    return messageToJson(field.message, value as Message);
  }
  if (field.enum !== undefined) return enumSpelling(field.enum, value as number);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  if (typeof value === "bigint") return String(value);
  return value as JsonValue;
}
