/** Policy documents on the command line: read from files, printed for people, edited with compare-and-set. */
import { readWhole } from "./byte-source.ts";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

/** The text of a file, or of stdin for `-`; undefined when no file was named. @throws {HsmError} INVALID_REQUEST */
export async function documentText(path: string | undefined, shell: Shell): Promise<string | undefined> {
  return path === undefined ? undefined : (await readWhole(path, shell)).toString("utf8");
}

/** Canonical JSON with a line for everything. */
export const prettyJson = (text: string): string => `${JSON.stringify(JSON.parse(text), undefined, 2)}\n`;

/** A rule that gives roles, as documents spell it. */
export interface BindingText {
  readonly id: string;
  readonly members: readonly string[];
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  readonly keys?: { readonly ids?: readonly string[]; readonly tags?: readonly string[] };
  readonly condition?: string;
}

interface DocumentText {
  readonly format: number;
  readonly bindings?: readonly BindingText[];
}

/** The bindings of a document. */
export const bindingsOf = (text: string): readonly BindingText[] => (JSON.parse(text) as DocumentText).bindings ?? [];

/** The document with other bindings. */
export const withBindings = (text: string, bindings: readonly BindingText[]): string =>
  JSON.stringify({ ...(JSON.parse(text) as DocumentText), bindings });

/** Lists of options joined for people; a dash for none. */
export const listed = (values: readonly string[] | undefined): string =>
  values === undefined || values.length === 0 ? "-" : values.join(" ");

/** A parser for commander: a file of JSON questions. @throws {HsmError} INVALID_REQUEST */
export async function jsonFile<T>(path: string, shell: Shell): Promise<T> {
  const text = (await documentText(path, shell)) as string;
  try {
    return JSON.parse(text) as T;
  } catch {
    throw usageError(`${path} is not JSON`);
  }
}
