/** A value given as text (an environment variable, a flag) read as the kind its key takes. */
import { parse } from "yaml";
import { z } from "zod";
import { type KeyPath, schemaAt } from "./schema-walk.ts";

/**
 * The value a text stands for: itself where the key takes text, `a,b` as a list where it takes a list, otherwise
 * what YAML reads in it (numbers, true, false, [..], {..}). What does not fit is returned as text and refused later.
 */
export function valueOfText(text: string, path: KeyPath): unknown {
  const schema = schemaAt(path);
  if (schema === undefined || schema instanceof z.ZodString || schema instanceof z.ZodEnum || schema.safeParse(text).success) return text;
  if (schema instanceof z.ZodArray && !text.trimStart().startsWith("[")) {
    const words = text
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== "");
    return words.map((word) => (schema.element instanceof z.ZodNumber ? Number(word) : word));
  }
  try {
    return parse(text, { maxAliasCount: 0, logLevel: "silent" }) as unknown;
  } catch {
    return text;
  }
}
