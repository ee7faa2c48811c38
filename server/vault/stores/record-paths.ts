/**
 * Where the filesystem store keeps a record, and which record a file is.
 *
 *      ns/<namespace>/namespace.json                 the namespace's record
 *      ns/<namespace>/keys/<id>/current.json         names the file of the key's own record
 *      ns/<namespace>/keys/<id>/kNNNNNNNN.json       that record, a new file for each change
 *      ns/<namespace>/keys/<id>/vNNNNNNNN.json       the record of version N
 *      ns/<namespace>/keys/<id>/x-KIND-NNNNNNNN.json records of further kinds
 *
 * `<id>` is the key's id in lower case. Where that loses something, `+` and the positions of the capitals follow as
 * hexadecimal digits, so that two ids never share a folder on file systems without case; an id that begins with a dot
 * gets a `+` in front. Nothing that is not a valid name becomes a path.
 */
import { HsmError } from "@keystead/contract/errors";
import type { RecordKey, RecordKind } from "../objects/record.ts";

// Documents have a place where a namespace would be, with a name that no namespace can have.
const NAMESPACE = /^(?:[a-z0-9][a-z0-9-]{0,62}|_server)$/;
const ID = /^[A-Za-z0-9._-]{1,128}$/;
const FOLDER = /^(\+?)([a-z0-9._-]{1,128})(?:\+([0-9a-f]{1,32}))?$/;

/** The pointer in a key's folder. */
export const CURRENT = "current.json";
/** Ends the name of a file that is being written. */
export const TEMPORARY = ".tmp";

/** The folder of a namespace, below the store's own. @throws {HsmError} INVALID_REQUEST */
export function namespaceFolder(namespace: string): string {
  if (!NAMESPACE.test(namespace)) throw new HsmError("INVALID_REQUEST", "the namespace is not one that can be stored");
  return `ns/${namespace}`;
}

/** The folder of an id, below the store's own. @throws {HsmError} INVALID_REQUEST */
export function idFolder(namespace: string, id: string): string {
  if (!ID.test(id)) throw new HsmError("INVALID_REQUEST", "the id is not one that can be stored");
  return `${namespaceFolder(namespace)}/keys/${folderOfId(id)}`;
}

function folderOfId(id: string): string {
  const lower = id.toLowerCase();
  const dot = id.startsWith(".") ? "+" : "";
  if (lower === id) return dot + id;
  let capitals = 0n;
  for (let at = 0; at < id.length; at += 1) if (id[at] !== lower[at]) capitals |= 1n << BigInt(at);
  return `${dot}${lower}+${capitals.toString(16)}`;
}

/** The id behind a folder's name, or undefined when no id has that folder. */
export function idOfFolder(name: string): string | undefined {
  const [, , lower = "", mask] = FOLDER.exec(name) ?? [];
  const capitals = mask === undefined ? 0n : BigInt(`0x${mask}`);
  const id = [...lower].map((letter, at) => ((capitals >> BigInt(at)) & 1n ? letter.toUpperCase() : letter)).join("");
  return ID.test(id) && folderOfId(id) === name ? id : undefined;
}

/** Where a record lies: its folder below the store's own, and its file. Key records lie behind the pointer. */
export interface RecordPlace {
  readonly folder: string;
  /** Undefined for a key's own record: {@link CURRENT} says. */
  readonly file: string | undefined;
}

const padded = (version: number): string => String(version).padStart(8, "0");

/** @throws {HsmError} INVALID_REQUEST for names that cannot be stored */
export function placeOf({ namespace, kind, id, version }: RecordKey): RecordPlace {
  if (kind === "namespace" && id === "" && version === 0) return { folder: namespaceFolder(namespace), file: "namespace.json" };
  const folder = idFolder(namespace, id);
  if (kind === "key" && version === 0) return { folder, file: undefined };
  return { folder, file: kind === "version" ? `v${padded(version)}.json` : `x-${kind}-${padded(version)}.json` };
}

/** The record that a file of a key's folder is, or undefined. */
export function recordOfFile(namespace: string, id: string, file: string): RecordKey | undefined {
  if (file === CURRENT) return { namespace, kind: "key", id, version: 0 };
  const [, plain, kind, numbered] = /^(?:v(\d{8,10})|x-([a-z_-]+)-(\d{8,10}))\.json$/.exec(file) ?? [];
  if (plain !== undefined) return { namespace, kind: "version", id, version: Number(plain) };
  if (kind === undefined) return undefined;
  return { namespace, kind: kind as RecordKind, id, version: Number(numbered) };
}

/** Whether a name is that of a key's own record, the file behind the pointer. */
export const isHeadFile = (name: string): boolean => /^k\d{8,15}\.json$/.test(name);

/** The name after `before` for a key's own record. */
export const nextHeadFile = (before: string | undefined): string =>
  `k${padded(before === undefined ? 1 : Number(before.slice(1, -5)) + 1)}.json`;
