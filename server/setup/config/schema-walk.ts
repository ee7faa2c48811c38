/**
 * Finding one's way in the schema: the kind of the value at a path, the keys below it, and the same schema with
 * nothing required, which is what a single layer is checked against.
 */
import { z } from "zod";
import { configSchema } from "./schema.ts";
import type { KeyMeta } from "./value-kinds.ts";

export type KeyPath = readonly (string | number)[];

/** A schema without its `optional`. */
function bare(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema;
}

/** The schema one step below, or undefined when there is no such key. */
function step(schema: z.ZodType, name: string | number): z.ZodType | undefined {
  if (schema instanceof z.ZodObject) return Object.hasOwn(schema.shape, name) ? (schema.shape[name] as z.ZodType) : undefined;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType;
  return undefined;
}

/** The schema at a path, or undefined when no such key exists. */
export function schemaAt(path: KeyPath): z.ZodType | undefined {
  let at: z.ZodType | undefined = configSchema;
  for (const name of path) {
    if (at === undefined) return undefined;
    at = step(at, name);
    if (at !== undefined) at = bare(at);
  }
  return at;
}

/** What is known of the nearest key at or above a path. */
export function metaAt(path: KeyPath): Partial<KeyMeta> {
  for (let length = path.length; length > 0; length--) {
    const meta = schemaAt(path.slice(0, length))?.meta() as Partial<KeyMeta> | undefined;
    if (meta?.expects !== undefined) return meta;
  }
  return {};
}

/** Names of the keys directly below a path; empty when any name is possible. */
export function namesBelow(path: KeyPath): readonly string[] {
  const schema = schemaAt(path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** True when the value at the path is a section with keys of its own, not a value. */
export function isSection(path: KeyPath): boolean {
  const schema = schemaAt(path);
  return schema instanceof z.ZodObject || schema instanceof z.ZodRecord;
}

/** Every key as a dotted path, `*` standing for any name; list entries as `auth.certificates[].roles`. */
export function allKeys(): readonly { readonly key: string; readonly meta: KeyMeta }[] {
  const found: { key: string; meta: KeyMeta }[] = [];
  const visit = (given: z.ZodType, path: string): void => {
    const schema = bare(given);
    const meta = schema.meta() as KeyMeta | undefined;
    if (meta?.description !== undefined) found.push({ key: path, meta });
    if (schema instanceof z.ZodObject)
      for (const [name, below] of Object.entries(schema.shape)) visit(below as z.ZodType, path === "" ? name : `${path}.${name}`);
    else if (schema instanceof z.ZodRecord) visit(schema.valueType as z.ZodType, `${path}.*`);
    else if (schema instanceof z.ZodArray && bare(schema.element as z.ZodType) instanceof z.ZodObject)
      visit(schema.element as z.ZodType, `${path}[]`);
  };
  visit(configSchema, "");
  return found;
}

/** The schema with every key of every section optional; entries of lists stay whole. */
function loosened(given: z.ZodType): z.ZodType {
  const schema = bare(given);
  if (schema instanceof z.ZodObject) {
    const shape = Object.fromEntries(Object.entries(schema.shape).map(([name, below]) => [name, loosened(below as z.ZodType).optional()]));
    return z.strictObject(shape);
  }
  if (schema instanceof z.ZodRecord) return z.record(schema.keyType as z.ZodString, loosened(schema.valueType as z.ZodType));
  return schema;
}

/** What one layer (a file, the environment, the flags) must fit. */
export const layerSchema = loosened(configSchema);
