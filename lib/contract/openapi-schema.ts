/**
 * Messages and their validation rules as JSON Schema, exactly as REST reads and prints them.
 *
 * In a request a field may be left out unless its rules refuse the zero value; in an answer scalars and lists are
 * always there, messages and enums only when they are set. A rule without a JSON Schema form throws.
 */
import { ScalarType, getOption, hasOption, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { enumSpellings } from "./enum-names.ts";
import { field as fieldOption, type FieldRules } from "./generated/buf/validate/validate_pb.ts";
import type { JsonValue } from "./json.ts";

type Json = { [name: string]: JsonValue };

/** Comments by full name. */
export type Comments = Readonly<Record<string, string>>;
export type Direction = "request" | "response";

const rulesOf = (field: DescField): FieldRules | undefined => (hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined);

/** Names of the fields whose rules refuse the value a missing field has. */
export const neededFields = (desc: DescMessage): readonly string[] =>
  desc.fields
    .filter(
      (field) => (field.fieldKind !== "scalar" || field.presence !== FeatureSet_FieldPresence.EXPLICIT) && refusesZero(rulesOf(field)),
    )
    .map(({ name }) => name);

function refusesZero(rules: FieldRules | undefined): boolean {
  switch (rules?.type.case) {
    case "string":
    case "bytes":
      return (rules.type.value.minLen ?? 0n) > 0n;
    case "enum":
      return rules.type.value.notIn.includes(0);
    case "repeated":
      return (rules.type.value.minItems ?? 0n) > 0n;
    case "uint32": {
      const { greaterThan, in: among } = rules.type.value;
      return greaterThan.case === "gte" ? greaterThan.value > 0 : greaterThan.case === "gt" || (among.length > 0 && !among.includes(0));
    }
    default:
      return false;
  }
}

/**
 * The schema of a message.
 *
 * @param without fields that come from elsewhere (the path)
 */
export function messageSchema(desc: DescMessage, direction: Direction, comments: Comments, without: readonly DescField[] = []): Json {
  const fields = desc.fields.filter((field) => !without.includes(field));
  const needed =
    direction === "request"
      ? neededFields(desc).filter((name) => !without.some((field) => field.name === name))
      : fields
          .filter(
            (field) =>
              field.oneof === undefined &&
              (field.fieldKind === "list" || (field.fieldKind === "scalar" && field.presence !== FeatureSet_FieldPresence.EXPLICIT)),
          )
          .map(({ name }) => name);
  const description = comments[desc.typeName];
  return {
    type: "object",
    ...(description === undefined ? {} : { description }),
    properties: Object.fromEntries(
      fields.map((field) => [field.name, described(fieldSchema(field, direction), comments[`${desc.typeName}.${field.name}`])]),
    ),
    ...(needed.length === 0 ? {} : { required: [...needed] }),
    ...(desc.oneofs.length === 0 ? {} : { minProperties: 1, maxProperties: 1 }),
    ...(direction === "request" ? { additionalProperties: false } : {}),
  };
}

const described = (schema: Json, description: string | undefined): Json =>
  description === undefined ? schema : { ...schema, description };

/** The schema of a field that comes as a path or query parameter. */
export const parameterSchema = (field: DescField): Json => fieldSchema(field, "request");

function fieldSchema(field: DescField, direction: Direction): Json {
  // Rules say what a request may be; an answer is what it is.
  const rules = direction === "request" ? rulesOf(field) : undefined;
  if (field.fieldKind === "map") throw new TypeError(`${field.parent.typeName}.${field.name}: maps have no schema here`);
  if (field.fieldKind !== "list") return valueSchema(field, rules, direction);
  if (rules !== undefined && rules.type.case !== "repeated")
    throw new TypeError(`${field.parent.typeName}.${field.name}: ${rules.type.case} on a list has no schema here`);
  const list = rules?.type.case === "repeated" ? rules.type.value : undefined;
  return {
    type: "array",
    items: valueSchema(field, list?.items, direction),
    ...(list?.minItems === undefined ? {} : { minItems: Number(list.minItems) }),
    ...(list?.maxItems === undefined ? {} : { maxItems: Number(list.maxItems) }),
  };
}

function valueSchema(field: DescField, rules: FieldRules | undefined, direction: Direction): Json {
  if (field.message !== undefined) {
    if (field.message.typeName === "google.protobuf.Timestamp") return { type: "string", format: "date-time" };
    return { $ref: `#/components/schemas/${field.message.name}` };
  }
  if (field.enum !== undefined) return { type: "string", enum: [...enumSpellings(field.enum)] };
  switch (field.scalar) {
    case ScalarType.STRING:
      return { type: "string", ...stringRules(field, rules) };
    case ScalarType.BYTES:
      return { type: "string", format: "byte", contentEncoding: "base64", ...bytesRules(field, rules) };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.UINT32:
      return { type: "integer", minimum: 0, maximum: 4_294_967_295, ...uint32Rules(field, rules) };
    case ScalarType.UINT64:
      // Printed as text, which every client can read; taken as text or as a number that is exact in JSON.
      return direction === "response"
        ? { type: "string", pattern: "^[0-9]{1,20}$" }
        : {
            anyOf: [
              { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
              { type: "string", pattern: "^[0-9]{1,15}$" },
            ],
          };
    default:
      throw new TypeError(`${field.parent.typeName}.${field.name}: this scalar has no schema here`);
  }
}

const mismatch = (field: DescField, rules: FieldRules): TypeError =>
  new TypeError(`${field.parent.typeName}.${field.name}: ${rules.type.case} has no schema here`);

function stringRules(field: DescField, rules: FieldRules | undefined): Json {
  if (rules === undefined) return {};
  if (rules.type.case !== "string") throw mismatch(field, rules);
  const { minLen, maxLen, pattern, notIn } = rules.type.value;
  return {
    ...(minLen === undefined || minLen === 0n ? {} : { minLength: Number(minLen) }),
    ...(maxLen === undefined ? {} : { maxLength: Number(maxLen) }),
    ...(pattern === undefined || pattern === "" ? {} : { pattern }),
    ...(notIn.length === 0 ? {} : { not: { enum: [...notIn] } }),
  };
}

/** Limits of the bytes become limits of their base64 form. */
function bytesRules(field: DescField, rules: FieldRules | undefined): Json {
  if (rules === undefined) return {};
  if (rules.type.case !== "bytes") throw mismatch(field, rules);
  const { minLen, maxLen } = rules.type.value;
  const base64 = (bytes: bigint): number => Math.ceil(Number(bytes) / 3) * 4;
  return {
    ...(minLen === undefined || minLen === 0n ? {} : { minLength: base64(minLen) }),
    ...(maxLen === undefined ? {} : { maxLength: base64(maxLen) }),
  };
}

function uint32Rules(field: DescField, rules: FieldRules | undefined): Json {
  if (rules === undefined) return {};
  if (rules.type.case !== "uint32") throw mismatch(field, rules);
  const { greaterThan, lessThan, in: among } = rules.type.value;
  return {
    ...(greaterThan.case === "gte" ? { minimum: greaterThan.value } : greaterThan.case === "gt" ? { minimum: greaterThan.value + 1 } : {}),
    ...(lessThan.case === "lte" ? { maximum: lessThan.value } : lessThan.case === "lt" ? { maximum: lessThan.value - 1 } : {}),
    ...(among.length === 0 ? {} : { enum: [...among] }),
  };
}
