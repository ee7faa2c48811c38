/**
 * Records as files: reading one, finding all of an id, and bringing files up to date so that a crash leaves each record
 * either as it was or as it is to be.
 *
 * A file says which record it is and is refused under any other name. Bytes are checked for form alone.
 */
import { join } from "node:path";
import { recordName, type RecordKey } from "../objects/record.ts";
import { CURRENT, TEMPORARY, idFolder, idOfFolder, isHeadFile, nextHeadFile, placeOf, recordOfFile } from "./record-paths.ts";
import type { StoreFiles } from "./store-files.ts";

interface RecordChange {
  readonly key: RecordKey;
  readonly bytes: Buffer | undefined;
}

export class RecordFiles {
  readonly #root: string;
  readonly #files: StoreFiles;
  readonly #durable: boolean;

  constructor(root: string, files: StoreFiles, durable: boolean) {
    this.#root = root;
    this.#files = files;
    this.#durable = durable;
  }

  /** The record's bytes, or undefined. @throws {Error} when there is a file and it is not this record's */
  read(key: RecordKey): Buffer | undefined {
    const path = this.#pathOf(key);
    const text = path === undefined ? undefined : this.#files.read(path);
    return text === undefined ? undefined : parseFile(key, text.toString("utf8"));
  }

  has(key: RecordKey): boolean {
    const path = this.#pathOf(key);
    return path !== undefined && this.#files.read(path) !== undefined;
  }

  /** Every record that has a file in the folder of an id. */
  keysOf(namespace: string, id: string): RecordKey[] {
    const names = this.#files.list(join(this.#root, idFolder(namespace, id)));
    return names.map((name) => recordOfFile(namespace, id, name)).filter((key) => key !== undefined);
  }

  /** Every namespace and its ids, by the names of folders. */
  *scan(): Generator<[namespace: string, ids: string[]]> {
    for (const namespace of this.#files.list(join(this.#root, "ns"))) {
      if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(namespace)) continue;
      const ids = this.#files.list(join(this.#root, "ns", namespace, "keys")).map(idOfFolder);
      yield [namespace, ids.filter((id) => id !== undefined)];
    }
  }

  /**
   * Brings files up to date, a folder at each step; what is done at the end is on the disk, names too.
   *
   * @throws what the disk throws; then everything is to be done again
   */
  *settle(changes: Iterable<RecordChange>): Generator<void> {
    const byFolder = new Map<string, RecordChange[]>();
    for (const change of changes) {
      const { folder } = placeOf(change.key);
      const group = byFolder.get(folder);
      if (group === undefined) byFolder.set(folder, [change]);
      else group.push(change);
    }
    const parents = new Set<string>();
    for (const [folder, group] of byFolder) {
      this.#settleFolder(join(this.#root, folder), group);
      for (let parent = parentOf(folder); parent !== ""; parent = parentOf(parent)) parents.add(parent);
      yield;
    }
    // From the inside out, so that a folder's name is never durable before what it leads to.
    for (const parent of [...parents].sort((a, b) => b.length - a.length)) {
      if (this.#durable) this.#files.syncFolder(join(this.#root, parent));
      yield;
    }
  }

  #settleFolder(folder: string, group: readonly RecordChange[]): void {
    this.#files.makeFolder(folder);
    const gone: string[] = [];
    for (const { key, bytes } of group) {
      const file = placeOf(key).file ?? CURRENT;
      if (bytes === undefined) {
        gone.push(file);
        continue;
      }
      const content = formatFile(key, bytes);
      if (file !== CURRENT) {
        this.replace(folder, file, content);
        continue;
      }
      const head = nextHeadFile(this.#headOf(folder));
      this.replace(folder, head, content);
      this.replace(folder, CURRENT, Buffer.from(`${JSON.stringify({ file: head })}\n`, "utf8"));
    }
    for (const file of gone) this.#files.remove(join(folder, file));
    if (this.#durable) this.#files.syncFolder(folder);
    // Nothing leads to these any more: heads that were replaced, and what a crash left half written.
    const head = this.#headOf(folder);
    const left = this.#files.list(folder).filter((name) => {
      const useless = name.endsWith(TEMPORARY) || (isHeadFile(name) && name !== head);
      if (useless) this.#files.remove(join(folder, name));
      return !useless;
    });
    if (left.length === 0) this.#files.removeFolder(folder);
  }

  /** Puts a file in the place of another: written aside, durable, then renamed. */
  replace(folder: string, name: string, content: Buffer): void {
    const path = join(folder, name);
    this.#files.write(`${path}${TEMPORARY}`, content, this.#durable);
    this.#files.rename(`${path}${TEMPORARY}`, path);
  }

  #pathOf(key: RecordKey): string | undefined {
    const { folder, file } = placeOf(key);
    if (file !== undefined) return join(this.#root, folder, file);
    const head = this.#headOf(join(this.#root, folder));
    return head === undefined ? undefined : join(this.#root, folder, head);
  }

  /** The file that the pointer names, or undefined when there is no pointer. @throws {Error} when it names nothing of ours */
  #headOf(folder: string): string | undefined {
    const text = this.#files.read(join(folder, CURRENT));
    if (text === undefined) return undefined;
    const { file } = JSON.parse(text.toString("utf8")) as { file?: unknown };
    if (typeof file !== "string" || !isHeadFile(file)) throw new Error("the pointer names no record");
    return file;
  }
}

const parentOf = (folder: string): string => folder.split("/").slice(0, -1).join("/");

/** A record in its JSON form. The bytes are sealed; the name says where they belong. */
function formatFile(key: RecordKey, bytes: Buffer): Buffer {
  return Buffer.from(`${JSON.stringify({ format: 1, name: recordName(key), record: bytes.toString("base64") }, null, 2)}\n`, "utf8");
}

function parseFile(key: RecordKey, text: string): Buffer {
  const { format, name, record } = JSON.parse(text) as { format?: unknown; name?: unknown; record?: unknown };
  if (format !== 1 || name !== recordName(key) || typeof record !== "string") throw new Error("the file is another record's, or none");
  const bytes = Buffer.from(record, "base64");
  if (bytes.toString("base64") !== record) throw new Error("the file is not well-formed");
  return bytes;
}
