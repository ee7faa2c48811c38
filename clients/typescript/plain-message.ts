/**
 * Plain objects to protobuf messages and back, by the message's own descriptor: one rule per kind of field, so a new
 * field of the contract needs no line here. Enums become their spellings, bytes become Buffers, timestamps Dates,
 * and the members of a oneof stand beside the other fields.
 */
import { create, type DescEnum, type DescField, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { timestampDate, timestampFromDate, TimestampSchema, type Timestamp } from "@bufbuild/protobuf/wkt";
import { enumNumber, enumSpelling, enumSpellings } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";

type Plain = Readonly<Record<string, unknown>>;

function enumFrom(desc: DescEnum, value: unknown, field: string): number {
  const number = typeof value === "string" ? enumNumber(desc, value) : undefined;
  if (number === undefined)
    throw new HsmError("INVALID_REQUEST", `${field}: '${String(value)}' is not one of ${enumSpellings(desc).join(", ")}`);
  return number;
}

function fieldFrom(field: DescField, value: unknown): unknown {
  switch (field.fieldKind) {
    case "enum":
      return enumFrom(field.enum, value, field.name);
    case "message":
      if (value instanceof Date) return timestampFromDate(value);
      return messageFrom(field.message, value as Plain);
    case "list": {
      const items = value as readonly unknown[];
      if (field.listKind === "enum") return items.map((item) => enumFrom(field.enum, item, field.name));
      if (field.listKind === "message") return items.map((item) => messageFrom(field.message, item as Plain));
      return [...items];
    }
    default:
      return value;
  }
}

/**
 * The message behind a plain object. Undefined fields are left out.
 *
 * @throws {HsmError} INVALID_REQUEST for an enum spelling nobody knows or a field the message does not have
 */
export function messageFrom<D extends DescMessage>(schema: D, plain: Plain): MessageShape<D> {
  const message = create(schema);
  const writable = reflect(schema, message);
  for (const [name, value] of Object.entries(plain)) {
    if (value === undefined) continue;
    const field = schema.fields.find((candidate) => candidate.localName === name);
    if (field === undefined) throw new HsmError("INVALID_REQUEST", `${schema.name} has no field '${name}'`);
    const converted = fieldFrom(field, value);
    if (field.oneof !== undefined)
      (message as unknown as Record<string, unknown>)[field.oneof.localName] = { case: name, value: converted };
    else if (field.fieldKind === "list" || field.fieldKind === "message") (message as unknown as Record<string, unknown>)[name] = converted;
    else writable.set(field, converted as never);
  }
  return message;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function plainField(field: DescField, value: unknown): unknown {
  switch (field.fieldKind) {
    case "enum":
      return enumSpelling(field.enum, value as number);
    case "message":
      if (value === undefined) return undefined;
      if (field.message.typeName === TimestampSchema.typeName) return timestampDate(value as Timestamp);
      return plainFrom(field.message, value as Message);
    case "list":
      if (field.listKind === "enum") return (value as number[]).flatMap((item) => enumSpelling(field.enum, item) ?? []);
      if (field.listKind === "message") return (value as Message[]).map((item) => plainFrom(field.message, item));
      return [...(value as unknown[])];
    default:
      return value instanceof Uint8Array ? asBuffer(value) : value;
  }
}

/** The plain object behind a message. Unset messages, unset oneof members and enum zeroes are left out. */
export function plainFrom(schema: DescMessage, message: Message): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  const source = message as unknown as Record<string, unknown>;
  for (const field of schema.fields) {
    let value: unknown;
    if (field.oneof === undefined) value = source[field.localName];
    else {
      const chosen = source[field.oneof.localName] as { case: string | undefined; value?: unknown };
      if (chosen.case !== field.localName) continue;
      value = chosen.value;
    }
    const converted = plainField(field, value);
    if (converted !== undefined) plain[field.localName] = converted;
  }
  return plain;
}
