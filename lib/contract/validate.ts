/**
 * The validation rules of proto/hsm/hsm.proto, compiled once per message into plain checks.
 *
 * The rules are written with buf.validate and mean what protovalidate says; this file knows the ones the contract
 * uses and refuses to compile any other, so that a rule can never be there and not be enforced. The general engine
 * (CEL) costs several microseconds a message; these checks cost a fraction of one, and a test compares the two.
 *
 * @see https://protovalidate.com (semantics)
 */
import { getOption, hasOption, isFieldSet, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { BytesRulesSchema, StringRulesSchema, field as fieldOption, type FieldRules } from "./generated/buf/validate/validate_pb.ts";

/** One broken rule. */
export interface Violation {
  /** Name in the proto, with index for items and dots for nested messages. */
  readonly field: string;
  /** What would be right; never repeats the value. */
  readonly message: string;
}

/** Finds what is wrong with a message. */
export type Validator = (message: Message) => readonly Violation[];

type Check = (value: unknown, field: string, found: Violation[]) => void;

const NONE: readonly Violation[] = Object.freeze([]);
const compiled = new WeakMap<DescMessage, Validator>();

/**
 * The validator of a message type.
 *
 * @throws {TypeError} when the proto carries a rule this file does not know
 */
export function validatorFor(desc: DescMessage): Validator {
  const known = compiled.get(desc);
  if (known !== undefined) return known;
  const fields: { readonly local: string; readonly name: string; readonly oneof: string | undefined; readonly check: Check }[] = [];
  const validator: Validator = (message) => {
    let found: Violation[] | undefined;
    for (const { local, name, oneof, check } of fields) {
      let value: unknown;
      if (oneof === undefined) {
        value = (message as unknown as Record<string, unknown>)[local];
        // An optional field that is not set obeys every rule.
        if (value === undefined) continue;
      } else {
        const chosen = (message as unknown as Record<string, { case: string | undefined; value?: unknown }>)[oneof];
        if (chosen?.case !== local) continue;
        value = chosen.value;
      }
      const here: Violation[] = found ?? [];
      check(value, name, here);
      if (here.length > 0) found = here;
    }
    return found ?? NONE;
  };
  // Known before its fields are compiled: a message may contain itself.
  compiled.set(desc, validator);
  for (const field of desc.fields) {
    const check = compileField(field);
    if (check !== undefined) fields.push({ local: field.localName, name: field.name, oneof: field.oneof?.localName, check });
  }
  return validator;
}

function compileField(field: DescField): Check | undefined {
  const rules = hasOption(field, fieldOption) ? getOption(field, fieldOption) : undefined;
  if (field.fieldKind === "message") {
    if (rules !== undefined) throw unknownRule(field, "rules on messages");
    return nested(field.message);
  }
  if (field.fieldKind === "list") {
    const inner = field.listKind === "message" ? nested(field.message) : undefined;
    if (rules === undefined) return inner === undefined ? undefined : each(inner);
    if (rules.type.case !== "repeated") throw unknownRule(field, String(rules.type.case));
    const { minItems, maxItems, items, ...others } = rules.type.value;
    requireNothing(field, others);
    const item = items === undefined ? inner : scalarCheck(field, items);
    return (value, name, found) => {
      const list = value as readonly unknown[];
      if (minItems !== undefined && minItems !== 0n && BigInt(list.length) < minItems)
        found.push({ field: name, message: `must have at least ${minItems} items` });
      if (maxItems !== undefined && maxItems !== 0n && BigInt(list.length) > maxItems)
        return void found.push({ field: name, message: `must have at most ${maxItems} items` });
      if (item !== undefined) each(item)(value, name, found);
    };
  }
  if (rules === undefined) return undefined;
  if (field.fieldKind === "map") throw unknownRule(field, "rules on maps");
  return scalarCheck(field, rules);
}

const nested = (desc: DescMessage): Check => {
  const validate = validatorFor(desc);
  return (value, name, found) => {
    if (value === undefined) return;
    for (const violation of validate(value as Message)) found.push({ field: `${name}.${violation.field}`, message: violation.message });
  };
};

const each =
  (check: Check): Check =>
  (value, name, found) => {
    for (const [index, item] of (value as readonly unknown[]).entries()) check(item, `${name}[${index}]`, found);
  };

function scalarCheck(field: DescField, rules: FieldRules): Check {
  const { type } = rules;
  requireNothing(field, { cel: rules.cel, celExpression: rules.celExpression, required: rules.required, ignore: rules.ignore });
  switch (type.case) {
    case "string": {
      const { minLen, maxLen, pattern, notIn, ...others } = type.value;
      requireNothing(field, others);
      const min = Number(minLen ?? 0n);
      // A rule that is not there reads as 0.
      const max = isFieldSet(type.value, StringRulesSchema.field.maxLen) ? Number(maxLen) : Infinity;
      const expression = pattern === undefined || pattern === "" ? undefined : new RegExp(pattern, "u");
      return (value, name, found) => {
        const text = value as string;
        // Code points never outnumber UTF-16 units, so most strings need no counting.
        const points = text.length <= max && text.length >= min && !/[\ud800-\udfff]/.test(text) ? text.length : [...text].length;
        if (points < min) found.push({ field: name, message: min === 1 ? "must not be empty" : `must have at least ${min} characters` });
        else if (points > max) found.push({ field: name, message: `must have at most ${max} characters` });
        else if (expression !== undefined && !expression.test(text))
          found.push({ field: name, message: `must match ${expression.source}` });
        if (notIn.includes(text)) found.push({ field: name, message: `must not be one of ${notIn.join(", ")}` });
      };
    }
    case "bytes": {
      const { minLen, maxLen, ...others } = type.value;
      requireNothing(field, others);
      const min = Number(minLen ?? 0n);
      const max = isFieldSet(type.value, BytesRulesSchema.field.maxLen) ? Number(maxLen) : Infinity;
      return (value, name, found) => {
        const { length } = value as Uint8Array;
        if (length < min) found.push({ field: name, message: min === 1 ? "must not be empty" : `must have at least ${min} bytes` });
        else if (length > max) found.push({ field: name, message: `must have at most ${max} bytes` });
      };
    }
    case "enum": {
      const { definedOnly, notIn, ...others } = type.value;
      requireNothing(field, others);
      const desc = field.enum;
      if (desc === undefined) throw unknownRule(field, "an enum rule on something else");
      const defined = new Set(desc.values.map((value) => value.number));
      return (value, name, found) => {
        const number = value as number;
        if (definedOnly === true && !defined.has(number)) found.push({ field: name, message: "is not a known value" });
        else if (notIn.includes(number)) found.push({ field: name, message: number === 0 ? "must be given" : "must not have this value" });
      };
    }
    case "uint32": {
      const { greaterThan, lessThan, in: among, ...others } = type.value;
      requireNothing(field, others);
      const least = greaterThan.case === "gte" ? greaterThan.value : greaterThan.case === "gt" ? greaterThan.value + 1 : 0;
      const most = lessThan.case === "lte" ? lessThan.value : lessThan.case === "lt" ? lessThan.value - 1 : Infinity;
      return (value, name, found) => {
        const number = value as number;
        if (number < least) found.push({ field: name, message: `must be at least ${least}` });
        else if (number > most) found.push({ field: name, message: `must be at most ${most}` });
        else if (among.length > 0 && !among.includes(number)) found.push({ field: name, message: `must be one of ${among.join(", ")}` });
      };
    }
    default:
      throw unknownRule(field, String(type.case));
  }
}

const unknownRule = (field: DescField, what: string): TypeError =>
  new TypeError(`${field.parent.typeName}.${field.name}: ${what} cannot be enforced here`);

/** Throws when any of the given rule members is set: nothing may be silently ignored. */
function requireNothing(field: DescField, others: object): void {
  for (const [name, value] of Object.entries(others)) {
    if (name.startsWith("$") || value === undefined || value === false || value === 0 || value === 0n || value === "") continue;
    if (
      Array.isArray(value)
        ? value.length === 0
        : value instanceof Uint8Array
          ? value.length === 0
          : typeof value === "object" && "case" in value && value.case === undefined
    )
      continue;
    throw unknownRule(field, name);
  }
}
