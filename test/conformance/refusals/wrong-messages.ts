/**
 * Messages as the surfaces carry them, and values that are wrong for a field whatever it means: from the descriptors, so
 * that a new field is sent wrong too.
 */
import { ScalarType, create, toBinary, toJson, type DescField, type JsonObject, type JsonValue, type Message } from "@bufbuild/protobuf";
import type { Operation } from "@keystead/contract/operation";
import { restRoutes } from "@keystead/contract/routes";

export const jsonOf = (operation: Operation, request: object): JsonObject =>
  toJson(operation.method.input, create(operation.method.input, request as never) as Message, { useProtoFieldName: true }) as JsonObject;
export const bytesOf = (operation: Operation, request: object): Uint8Array =>
  toBinary(operation.method.input, create(operation.method.input, request as never) as Message);

/** Path parameters cannot be sent as a wrong JSON type. */
export const inPath = (operation: Operation, field: DescField): boolean =>
  restRoutes().some((route) => route.operation === operation && route.primary && route.segments.includes(field));
export const hasBody = (operation: Operation): boolean =>
  restRoutes().some((route) => route.operation === operation && route.primary && route.body);

/** A JSON value that is wrong for a field. */
export function* wrongValues(field: DescField): Generator<[string, JsonValue]> {
  if (field.fieldKind === "list")
    return yield* [
      ["a text for a list", "x"],
      ["a list of objects", [{ a: 1 }]],
    ] as [string, JsonValue][];
  if (field.fieldKind === "message")
    return yield* [
      ["a text for a message", "x"],
      ["a list for a message", []],
    ] as [string, JsonValue][];
  if (field.fieldKind === "enum")
    return yield* [
      ["an unknown name", "NO_SUCH_VALUE"],
      ["an object", {}],
      ["a fraction", 1.5],
      ["prototype", "__proto__"],
    ] as [string, JsonValue][];
  const scalar = String(kindOf(field));
  if (scalar === "string")
    yield* [
      ["a number for a text", 7],
      ["a list for a text", ["x"]],
      ["an object for a text", { x: "y" }],
      ["true for a text", true],
    ] as [string, JsonValue][];
  else if (scalar === "bytes")
    yield* [
      ["a number for bytes", 7],
      ["no base64", "*** not base64 ***"],
      ["an object for bytes", {}],
    ] as [string, JsonValue][];
  else
    yield* [
      ["a text for a number", "seven"],
      ["a negative number", -1],
      ["a fraction", 1.5],
      // Both JSON surfaces take 64 bits as text, each as far as it can.
      field.scalar === ScalarType.UINT64 ? ["more than 64 bits", "18446744073709551616"] : ["more than 32 bits", 4_294_967_296],
      ["an object for a number", {}],
    ] as [string, JsonValue][];
}

/** The kind of a scalar: string, bytes or number (google.protobuf.FieldDescriptorProto.Type). */
export const kindOf = (field: DescField): string => (field.scalar === 9 ? "string" : field.scalar === 12 ? "bytes" : "number");
