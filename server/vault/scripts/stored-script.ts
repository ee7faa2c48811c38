/**
 * Policy scripts as documents: a head for each script, and a document for each of its versions, whose secret material
 * is the module or source. Versions never change; the head says which of them is in force, if any.
 *
 *      NAME        head: enabled, in force, newest
 *      NAME.vN     version N
 */
import { HsmError } from "@keystead/contract/errors";
import type { ScriptEngine, ScriptLimitsName } from "@keystead/contract/scripts";
import type { Change } from "../objects/change.ts";
import type { DocumentName, Documents } from "../objects/documents.ts";
import type { RunnableScript } from "./runner.ts";

export interface ScriptHead {
  readonly enabled: boolean;
  /** The version that judges while it is enabled; 0 = it never was. */
  readonly inForce: number;
  readonly newest: number;
}

/** What a version is and whom it is asked about. Empty lists match everything. */
export interface StoredVersion {
  readonly version: number;
  readonly engine: ScriptEngine;
  readonly limits: ScriptLimitsName;
  /** SHA-256 of the source, hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly namespaces: readonly string[];
  readonly operations: readonly string[];
  readonly keyIds: readonly string[];
  readonly tags: readonly string[];
  readonly approval: { readonly quorum: number; readonly roles: readonly string[]; readonly expirySeconds: number };
  readonly description: string;
  readonly uploadedBy: string;
  /** Milliseconds since the epoch. */
  readonly uploadedAt: number;
}

export interface StoredScript extends ScriptHead {
  readonly name: string;
  /** Oldest first. */
  readonly versions: readonly StoredVersion[];
}

/** Versions that a script may have. */
const MOST_VERSIONS = 100;
/** Scripts there may be. */
const MOST_SCRIPTS = 200;

const HEAD = /^[a-z0-9-]+$/;
const headOf = (name: string): DocumentName => ({ kind: "script", id: name });
const versionOf = (name: string, version: number): DocumentName => ({ kind: "script", id: `${name}.v${version}` });
const noScript = (name: string): HsmError => new HsmError("OBJECT_NOT_FOUND", `there is no policy script ${name}`);

/** @throws {HsmError} OBJECT_NOT_FOUND */
export function storedScript(documents: Documents, name: string): StoredScript {
  const head = documents.get<ScriptHead>("script", name)?.value;
  if (head === undefined) throw noScript(name);
  return whole(documents, name, head);
}

/** A script with this head; `added` is a version that is not kept yet. */
function whole(documents: Documents, name: string, head: ScriptHead, added?: StoredVersion): StoredScript {
  const versions: StoredVersion[] = [];
  for (let version = 1; version <= head.newest; version += 1)
    versions.push(added?.version === version ? added : storedVersion(documents, name, version));
  return { name, ...head, versions };
}

/** A change, and the script as it will be. */
export interface ScriptChange {
  readonly change: Change;
  readonly script: StoredScript;
}

/** @throws {HsmError} OBJECT_NOT_FOUND */
export function storedVersion(documents: Documents, name: string, version: number): StoredVersion {
  const found = documents.get<StoredVersion>("script", versionOf(name, version).id)?.value;
  if (found === undefined) throw new HsmError("OBJECT_NOT_FOUND", `policy script ${name} has no version ${version}`);
  return found;
}

/** Every script, by name. */
export const storedScripts = (documents: Documents): StoredScript[] =>
  documents
    .list("script")
    .filter(({ id }) => HEAD.test(id))
    .map(({ id }) => storedScript(documents, id))
    .sort((a, b) => (a.name < b.name ? -1 : 1));

/** The module or source of a version; the caller wipes it. @throws {HsmError} OBJECT_NOT_FOUND */
export const sourceOf = (documents: Documents, name: string, version: number): Promise<Buffer> =>
  documents.material("script", versionOf(name, version).id);

/** A version as the process that runs scripts knows it. */
export const runnable = (documents: Documents, name: string, { version, engine, limits, sha256 }: StoredVersion): RunnableScript => ({
  name: `${sha256}/${engine}/${limits}`,
  engine,
  limits,
  source: () => sourceOf(documents, name, version),
});

/**
 * The change that keeps a new version.
 *
 * @throws {HsmError} QUOTA_EXCEEDED; OBJECT_CHANGED when somebody else has just kept one
 */
export async function keepVersion(
  documents: Documents,
  name: string,
  facts: Omit<StoredVersion, "version">,
  source: Uint8Array,
): Promise<ScriptChange> {
  const before = documents.get<ScriptHead>("script", name)?.value;
  const version = (before?.newest ?? 0) + 1;
  if (version > MOST_VERSIONS)
    throw new HsmError("QUOTA_EXCEEDED", `policy script ${name} has ${MOST_VERSIONS} versions, the most there may be`);
  if (before === undefined && storedScripts(documents).length >= MOST_SCRIPTS)
    throw new HsmError("QUOTA_EXCEEDED", `there are ${MOST_SCRIPTS} policy scripts, the most there may be`);
  const kept: StoredVersion = { version, ...facts };
  return change(documents, name, [versionOf(name, version)], (now) => {
    if ((now?.newest ?? 0) + 1 !== version) throw changedMeanwhile(name);
    return {
      head: { enabled: now?.enabled ?? false, inForce: now?.inForce ?? 0, newest: version },
      added: { value: kept, material: source },
    };
  });
}

/** The change that puts a version in force; 0 = the newest. @throws {HsmError} OBJECT_NOT_FOUND */
export const enable = (documents: Documents, name: string, version: number): Promise<ScriptChange> =>
  change(documents, name, [], (head) => {
    if (head === undefined) throw noScript(name);
    const wanted = version === 0 ? head.newest : version;
    storedVersion(documents, name, wanted);
    return { head: { ...head, enabled: true, inForce: wanted } };
  });

/** The change that puts a script out of force. @throws {HsmError} OBJECT_NOT_FOUND */
export const disable = (documents: Documents, name: string): Promise<ScriptChange> =>
  change(documents, name, [], (head) => {
    if (head === undefined) throw noScript(name);
    return { head: { ...head, enabled: false } };
  });

/** The change that removes a script. @throws {HsmError} OBJECT_NOT_FOUND; INVALID_REQUEST while it is enabled */
export async function remove(documents: Documents, name: string): Promise<Change> {
  const newest = documents.get<ScriptHead>("script", name)?.value.newest;
  if (newest === undefined) throw noScript(name);
  // The head first: whoever watches finds every version that a head counts.
  const names = [headOf(name), ...Array.from({ length: newest }, (_, index) => versionOf(name, index + 1))];
  return documents.change(names, () => {
    const head = documents.get<ScriptHead>("script", name)?.value;
    if (head === undefined) throw noScript(name);
    if (head.enabled) throw new HsmError("INVALID_REQUEST", `policy script ${name} is enabled; disable it first`);
    if (head.newest !== newest) throw changedMeanwhile(name);
    return names.map((one) => ({ ...one, value: undefined }));
  });
}

const changedMeanwhile = (name: string): HsmError => new HsmError("OBJECT_CHANGED", `policy script ${name} was changed meanwhile`);

/** A step from one head to the next, with the version that comes with it. */
interface Step {
  readonly head: ScriptHead;
  readonly added?: { readonly value: StoredVersion; readonly material: Uint8Array };
}

async function change(
  documents: Documents,
  name: string,
  others: readonly DocumentName[],
  step: (head: ScriptHead | undefined) => Step,
): Promise<ScriptChange> {
  let taken: Step | undefined;
  const prepared = await documents.change([headOf(name), ...others], () => {
    taken = step(documents.get<ScriptHead>("script", name)?.value);
    const { head, added } = taken;
    // The head last: whoever watches finds every version that a head counts.
    return [...(added === undefined ? [] : [{ ...versionOf(name, added.value.version), ...added }]), { ...headOf(name), value: head }];
  });
  const { head, added } = taken as unknown as Step;
  return { change: prepared, script: whole(documents, name, head, added?.value) };
}
