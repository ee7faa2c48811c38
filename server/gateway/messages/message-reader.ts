/**
 * Requests as REST takes them: JSON values become protobuf bytes, by functions made once per message type.
 *
 * Reading is strict: an unknown field, a wrong type, null, a value out of range is INVALID_REQUEST naming the field and
 * never repeating the value. What the values mean is the vault's question.
 */
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { enumNumber, enumSpellings } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import type { JsonValue } from "@keystead/contract/json";
import type { ProtobufWriter } from "./protobuf-writer.ts";

/** Appends a message. @throws {HsmError} INVALID_REQUEST */
export type MessageReader = (json: JsonValue, writer: ProtobufWriter, path?: string) => void;
/** Appends one field, tag included. */
type FieldReader = (json: JsonValue, writer: ProtobufWriter, at: string) => void;

const wrong = (at: string, right: string): HsmError => new HsmError("INVALID_REQUEST", `${at}: ${right}`);
const VARINT = 0;
const DELIMITED = 2;
const made = new WeakMap<DescMessage, MessageReader>();

interface Slot {
  readonly read: FieldReader;
  /** Position in the message, to find a field that came under both its names. */
  readonly index: number;
  readonly oneof: number;
}

/**
 * The reader of a message type.
 *
 * @throws {TypeError} when the type has a field that REST cannot carry
 */
export function messageReader(desc: DescMessage): MessageReader {
  const known = made.get(desc);
  if (known !== undefined) return known;
  const slots = new Map<string, Slot>();
  const reader: MessageReader = (json, writer, path = "") => {
    if (json === null || typeof json !== "object" || Array.isArray(json)) throw wrong(path === "" ? "the body" : path, "must be an object");
    const seen: boolean[] = [];
    const chosen: boolean[] = [];
    for (const name of Object.keys(json)) {
      const slot = slots.get(name);
      const at = path === "" ? name : `${path}.${name}`;
      if (slot === undefined) throw wrong(at.slice(0, 128), "there is no such field");
      if (seen[slot.index] === true) throw wrong(at, "is given twice, in two spellings");
      seen[slot.index] = true;
      if (slot.oneof >= 0) {
        if (chosen[slot.oneof] === true)
          throw wrong(at, `only one of ${(desc.oneofs[slot.oneof]?.fields ?? []).map((field) => field.name).join(", ")} may be given`);
        chosen[slot.oneof] = true;
      }
      slot.read(json[name] as JsonValue, writer, at);
    }
  };
  // Known before its fields are made: a message may contain itself.
  made.set(desc, reader);
  for (const [index, field] of desc.fields.entries()) {
    const slot: Slot = { read: fieldReader(field), index, oneof: field.oneof === undefined ? -1 : desc.oneofs.indexOf(field.oneof) };
    slots.set(field.name, slot);
    slots.set(field.jsonName, slot);
  }
  return reader;
}

function fieldReader(field: DescField): FieldReader {
  if (field.fieldKind === "map") throw new TypeError(`${field.parent.typeName}.${field.name}: maps are not part of the contract`);
  const read = valueReader(field);
  if (field.fieldKind !== "list") return read;
  return (json, writer, at) => {
    if (!Array.isArray(json)) throw wrong(at, "must be an array");
    for (const [index, item] of json.entries()) read(item, writer, `${at}[${index}]`);
  };
}

/** Lists are written unpacked, which every parser accepts. */
function valueReader(field: DescField): FieldReader {
  if (field.message?.typeName === "google.protobuf.Timestamp") {
    const tag = (field.number << 3) | DELIMITED;
    return (json, writer, at) => writeTime(json, writer, tag, at);
  }
  if (field.message !== undefined) {
    const tag = (field.number << 3) | DELIMITED;
    const { message } = field;
    return (json, writer, at) => writer.nested(tag, () => messageReader(message)(json, writer, at));
  }
  if (field.enum !== undefined) {
    const tag = (field.number << 3) | VARINT;
    const desc = field.enum;
    const numbers = new Map(enumSpellings(desc).map((spelling) => [spelling, enumNumber(desc, spelling) as number]));
    return (json, writer, at) => {
      const number = typeof json === "string" ? (numbers.get(json) ?? enumNumber(desc, json)) : undefined;
      if (number === undefined) throw wrong(at, `must be one of ${enumSpellings(desc).join(", ")}`);
      writer.varint(tag);
      writer.varint(number);
    };
  }
  const delimited = (field.number << 3) | DELIMITED;
  const varint = (field.number << 3) | VARINT;
  switch (field.scalar) {
    case ScalarType.STRING:
      return (json, writer, at) => {
        if (typeof json !== "string") throw wrong(at, "must be a string");
        writer.text(delimited, json);
      };
    case ScalarType.BYTES:
      return (json, writer, at) => {
        if (typeof json !== "string" || !writer.base64(delimited, json)) throw wrong(at, "must be base64 text");
      };
    case ScalarType.BOOL:
      return (json, writer, at) => {
        if (typeof json !== "boolean") throw wrong(at, "must be true or false");
        writer.varint(varint);
        writer.varint(json ? 1 : 0);
      };
    case ScalarType.UINT32:
      return (json, writer, at) => {
        if (typeof json !== "number" || !Number.isInteger(json) || json < 0 || json > 0xffff_ffff)
          throw wrong(at, "must be a whole number from 0 to 4294967295");
        writer.varint(varint);
        writer.varint(json);
      };
    case ScalarType.UINT64:
      // A number beyond 2^53 arrives as text; a JSON number beyond it was refused when the document was read.
      return (json, writer, at) => {
        const text = typeof json === "number" ? String(json) : json;
        if (typeof text !== "string" || !/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
          throw wrong(at, "must be a whole number from 0 to 9007199254740991");
        writer.varint(varint);
        writer.varint(Number(text));
      };
    default:
      return () => {
        throw new TypeError(`${field.parent.typeName}.${field.name}: this type is not part of any request`);
      };
  }
}

/** RFC 3339 with an offset, to the millisecond; nothing that only some readers take for a time. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** google.protobuf.Timestamp: seconds = 1, nanos = 2. Times before 1970 mean nothing to any request. */
function writeTime(json: JsonValue, writer: ProtobufWriter, tag: number, at: string): void {
  const milliseconds = typeof json === "string" && TIME.test(json) ? Date.parse(json) : Number.NaN;
  if (!(milliseconds >= 0 && milliseconds < 253_402_300_800_000))
    throw wrong(at, "must be a time such as 2030-01-31T12:00:00Z, from 1970 to 9999");
  writer.nested(tag, () => {
    writer.varint(0x08);
    writer.varint(Math.floor(milliseconds / 1000));
    writer.varint(0x10);
    writer.varint((milliseconds % 1000) * 1_000_000);
  });
}
