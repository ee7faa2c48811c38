/**
 * Answers as REST prints them: protobuf bytes become JSON text, by functions made once per message type.
 *
 * Scalars and lists are always printed; messages, enums, optional scalars and members of a choice when they are set; names are
 * snake_case, enums in people's spelling, bytes base64, 64-bit numbers strings, times RFC 3339.
 */
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { enumSpelling } from "@keystead/contract/enum-names";
import { ProtobufCursor } from "./protobuf-cursor.ts";

/** The JSON text of a message. @throws {RangeError} when the bytes are no such message */
export type MessagePrinter = (bytes: Buffer) => string;
/** The JSON text of the message that ends at `end`. */
type Printer = (cursor: ProtobufCursor, end: number) => string;
/** The JSON text of one value, undefined for an unset enum. */
type ValuePrinter = (cursor: ProtobufCursor) => string | undefined;

const VARINT = 0;
const DELIMITED = 2;
const made = new WeakMap<DescMessage, Printer>();

/** @throws {TypeError} when the type has a field that REST cannot carry */
export function messagePrinter(desc: DescMessage): MessagePrinter {
  const print = printerOf(desc);
  return (bytes) => print(new ProtobufCursor(bytes), bytes.length);
}

interface Slot {
  readonly index: number;
  readonly list: boolean;
  readonly wireType: number;
  readonly print: ValuePrinter;
}

function printerOf(desc: DescMessage): Printer {
  const known = made.get(desc);
  if (known !== undefined) return known;
  if (desc.typeName === "google.protobuf.Timestamp") {
    made.set(desc, printTimestamp);
    return printTimestamp;
  }
  const slots: (Slot | undefined)[] = [];
  const names = desc.fields.map((field) => `"${field.name}":`);
  const defaults = desc.fields.map(defaultText);
  const print: Printer = (cursor, end) => {
    const values = defaults.slice();
    let lists: (string[] | undefined)[] | undefined;
    while (cursor.at < end) {
      const tag = cursor.varint();
      const slot = slots[tag >>> 3];
      const wireType = tag & 7;
      if (slot === undefined) {
        cursor.skip(wireType);
        continue;
      }
      if (slot.list) {
        const items = ((lists ??= [])[slot.index] ??= []);
        // Numbers in lists may come packed.
        const until = slot.wireType === VARINT && wireType === DELIMITED ? cursor.end() : cursor.at + 1;
        while (cursor.at < until) items.push(slot.print(cursor) ?? "null");
        continue;
      }
      if (wireType !== slot.wireType) throw new RangeError("unexpected wire type");
      values[slot.index] = slot.print(cursor);
    }
    if (cursor.at !== end) throw new RangeError("the message is cut short");
    lists?.forEach((items, index) => {
      if (items !== undefined) values[index] = `[${items.join(",")}]`;
    });
    let text = "";
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index];
      if (value !== undefined) text += (text === "" ? "" : ",") + (names[index] as string) + value;
    }
    return `{${text}}`;
  };
  // Known before its fields are made: a message may contain itself.
  made.set(desc, print);
  for (const [index, field] of desc.fields.entries()) {
    const numeric = field.message === undefined && field.scalar !== ScalarType.STRING && field.scalar !== ScalarType.BYTES;
    slots[field.number] = { index, list: field.fieldKind === "list", wireType: numeric ? VARINT : DELIMITED, print: valuePrinter(field) };
  }
  return print;
}

/** What stands for a field that is not in the bytes; nothing for one that says whether it is set. */
function defaultText(field: DescField): string | undefined {
  if (field.fieldKind === "list") return "[]";
  if (field.presence === FeatureSet_FieldPresence.EXPLICIT) return undefined;
  if (field.oneof !== undefined || field.fieldKind !== "scalar") return undefined;
  if (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES) return '""';
  if (field.scalar === ScalarType.BOOL) return "false";
  return field.scalar === ScalarType.UINT64 ? '"0"' : "0";
}

function valuePrinter(field: DescField): ValuePrinter {
  if (field.fieldKind === "map") throw new TypeError(`${field.parent.typeName}.${field.name}: maps are not part of the contract`);
  if (field.message !== undefined) {
    const { message } = field;
    return (cursor) => {
      const end = cursor.end();
      return printerOf(message)(cursor, end);
    };
  }
  if (field.enum !== undefined) {
    const desc = field.enum;
    const texts = new Map(
      desc.values
        .map(({ number }) => [number, enumSpelling(desc, number)] as const)
        .map(([number, spelling]) => [number, spelling === undefined ? undefined : JSON.stringify(spelling)]),
    );
    return (cursor) => texts.get(cursor.varint());
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return (cursor) => JSON.stringify(cursor.text());
    case ScalarType.BYTES:
      return (cursor) => `"${cursor.base64()}"`;
    case ScalarType.BOOL:
      return (cursor) => (cursor.varint() === 0 ? "false" : "true");
    case ScalarType.UINT32:
      return (cursor) => String(cursor.varint());
    case ScalarType.UINT64:
      return (cursor) => `"${cursor.varint64()}"`;
    default:
      throw new TypeError(`${field.parent.typeName}.${field.name}: this type is not part of the contract`);
  }
}

/** google.protobuf.Timestamp: seconds = 1, nanos = 2. Times before 1970 are not made here. */
function printTimestamp(cursor: ProtobufCursor, end: number): string {
  let seconds = 0;
  let nanos = 0;
  while (cursor.at < end) {
    const tag = cursor.varint();
    if (tag === 0x08) seconds = cursor.varint();
    else if (tag === 0x10) nanos = cursor.varint();
    else cursor.skip(tag & 7);
  }
  if (seconds > 253_402_300_799 || nanos > 999_999_999) throw new RangeError("the time is out of range");
  return `"${new Date(seconds * 1000 + Math.floor(nanos / 1e6)).toISOString()}"`;
}
