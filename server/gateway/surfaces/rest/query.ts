/**
 * Query parameters as JSON values of the fields they name. Lists may be repeated, or separated by commas, or both.
 */
import { ScalarType, type DescField } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import type { JsonValue } from "@keystead/contract/json";

/**
 * @param fields those that may be given
 * @throws {HsmError} INVALID_REQUEST for an unknown name, a name given twice, a broken encoding
 */
export function queryValues(query: string, fields: readonly DescField[]): ReadonlyMap<DescField, JsonValue> {
  const values = new Map<DescField, JsonValue>();
  for (const part of query.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = decoded(equals === -1 ? part : part.slice(0, equals));
    const text = equals === -1 ? "" : decoded(part.slice(equals + 1));
    const field = fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
    if (field === undefined) throw new HsmError("INVALID_REQUEST", `${name.slice(0, 64)}: there is no such parameter`);
    const before = values.get(field);
    if (field.fieldKind === "list") {
      const items = text.split(",").map((item) => valueOf(field, item));
      values.set(field, before === undefined ? items : [...(before as JsonValue[]), ...items]);
    } else {
      if (before !== undefined) throw new HsmError("INVALID_REQUEST", `${field.name}: is given twice`);
      values.set(field, valueOf(field, text));
    }
  }
  return values;
}

/** A text as the JSON value that the field's reader expects; what cannot be one is left for the reader to refuse. */
function valueOf(field: DescField, text: string): JsonValue {
  if (field.scalar === ScalarType.UINT32 && /^\d{1,10}$/.test(text)) return Number(text);
  if (field.scalar === ScalarType.BOOL && (text === "true" || text === "false")) return text === "true";
  return text;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new HsmError("INVALID_REQUEST", "the query is not well-formed");
  }
}
