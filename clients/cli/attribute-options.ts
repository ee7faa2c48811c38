/** Attributes on the command line: `name=value`, by the names of the attribute table. */
import { ATTRIBUTES, ATTRIBUTE_NAMES, USAGES, type AttributeName, type Usage } from "@keystead/client/names";
import type { KeyAttributes } from "@keystead/client/shapes";
import { pointInTime } from "./time-options.ts";
import { usageError } from "./usage-error.ts";

/** `size_bits` as `sizeBits`. */
const camel = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** @throws a usage error for a name that is no attribute or a value that cannot be one of its kind */
export function attributesFrom(option: string, pairs: readonly string[]): KeyAttributes {
  const attributes: Record<string, unknown> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(0, equals)).trim().replaceAll("-", "_");
    if (!ATTRIBUTE_NAMES.includes(name as AttributeName))
      throw usageError(`${option}: '${pair}' is not NAME=VALUE with one of ${ATTRIBUTE_NAMES.join(", ")}`);
    attributes[camel(name)] = valueOf(option, name as AttributeName, pair.slice(equals + 1));
  }
  return attributes;
}

function valueOf(option: string, name: AttributeName, text: string): unknown {
  switch (ATTRIBUTES[name].kind) {
    case "text":
      return text;
    case "bytes":
      if (!/^([0-9a-fA-F]{2})*$/.test(text)) throw usageError(`${option}: ${name} is written in hexadecimal`);
      return Buffer.from(text, "hex");
    case "boolean":
      if (text !== "true" && text !== "false") throw usageError(`${option}: ${name} is true or false`);
      return text === "true";
    case "number":
      if (!/^\d{1,9}$/.test(text)) throw usageError(`${option}: ${name} is a whole number`);
      return Number(text);
    case "count":
      if (!/^\d{1,15}$/.test(text)) throw usageError(`${option}: ${name} is a whole number`);
      return BigInt(text);
    case "time":
      return pointInTime(`${option} ${name}`)(text);
    case "mechanisms":
      return text.split(",").map((mechanism) => mechanism.trim());
    case "usages": {
      const usages = text.split(",").map((usage) => usage.trim().replaceAll("-", "_"));
      const wrong = usages.find((usage) => !USAGES.includes(usage as Usage));
      if (wrong !== undefined) throw usageError(`${option}: '${wrong}' is not one of ${USAGES.join(", ")}`);
      return usages;
    }
  }
}

/** Every attribute as text, in the order of the table. */
export function attributeTexts(attributes: KeyAttributes): [string, string][] {
  const values = attributes as Readonly<Record<string, unknown>>;
  return ATTRIBUTE_NAMES.flatMap((name): [string, string][] => {
    const value = values[camel(name)];
    if (value === undefined) return [];
    if (value instanceof Date) return [[name, value.toISOString()]];
    if (value instanceof Uint8Array) return [[name, Buffer.from(value).toString("hex")]];
    return [[name, Array.isArray(value) ? value.join(", ") : String(value)]];
  });
}
