/**
 * A disk with folders, for tests: after a crash it has what was made durable, and any part of the rest: any page of a
 * file, any name of a folder, in any order. It can fail and die at a chosen step.
 */
import { basename, dirname } from "node:path";
import type { StoreFiles } from "./store-files.ts";

const PAGE_BYTES = 128;

interface File {
  now: Buffer;
  durable: Buffer;
}

interface Folder {
  now: Map<string, File | Folder>;
  durable: Map<string, File | Folder>;
}

const isFolder = (node: File | Folder | undefined): node is Folder => node !== undefined && node.now instanceof Map;
const newFolder = (): Folder => ({ now: new Map(), durable: new Map() });
const missing = (path: string): Error => Object.assign(new Error(`${path} is not there`), { code: "ENOENT" });

export class CrashingStoreDisk {
  #root: Folder = newFolder();
  /** Called before every step that changes something; what it throws is the disk's error. */
  before: (step: string, path: string) => void = () => undefined;

  readonly files: StoreFiles = {
    list: (folder) => {
      const found = this.#find(folder);
      return isFolder(found) ? [...found.now.keys()] : [];
    },
    read: (path) => {
      const found = this.#find(path);
      return found === undefined || isFolder(found) ? undefined : Buffer.from(found.now);
    },
    write: (path, bytes, durable) => {
      const file = this.#file(path);
      this.before("write", path);
      // A file is emptied, then filled: half of it may be all there is.
      file.now = Buffer.from(bytes.subarray(0, bytes.length >> 1));
      this.before("write on", path);
      file.now = Buffer.from(bytes);
      if (!durable) return;
      this.before("sync", path);
      file.durable = Buffer.from(bytes);
    },
    journal: (path) => {
      const file = this.#file(path);
      return {
        write: (bytes, position, durable) => {
          this.before("write", path);
          file.now = patched(file.now, bytes.subarray(0, bytes.length >> 1), position);
          this.before("write on", path);
          file.now = patched(file.now, bytes, position);
          if (!durable) return;
          this.before("sync", path);
          file.durable = patched(file.durable, bytes, position);
        },
        truncate: (size) => {
          this.before("truncate", path);
          file.now = Buffer.from(file.now.subarray(0, size));
        },
        close: () => undefined,
      };
    },
    rename: (from, to) => {
      this.before("rename", to);
      const node = this.#find(from);
      if (node === undefined) throw missing(from);
      this.#folder(dirname(to)).now.set(basename(to), node);
      this.#folder(dirname(from)).now.delete(basename(from));
    },
    remove: (path) => {
      const node = this.#find(path);
      if (node === undefined || isFolder(node)) return;
      this.before("wipe", path);
      // Any of its pages may be zeros already when the machine dies.
      node.now = Buffer.alloc(node.now.length);
      this.before("wipe on", path);
      node.durable = Buffer.alloc(node.durable.length);
      this.before("remove", path);
      this.#folder(dirname(path)).now.delete(basename(path));
    },
    makeFolder: (path) => {
      let parent = this.#root;
      for (const name of path.split("/").filter((part) => part !== "")) {
        if (!isFolder(parent.now.get(name))) {
          this.before("folder", path);
          parent.now.set(name, newFolder());
        }
        parent = parent.now.get(name) as Folder;
      }
    },
    removeFolder: (path) => {
      const node = this.#find(path);
      if (!isFolder(node) || node.now.size > 0) return;
      this.before("remove folder", path);
      this.#folder(dirname(path)).now.delete(basename(path));
    },
    syncFolder: (path) => {
      this.before("sync folder", path);
      const folder = this.#folder(path);
      folder.durable = new Map(folder.now);
    },
  };

  /** The disk after a power failure. `keep` decides for each page, length and name that was not durable. */
  afterCrash(keep: () => boolean): CrashingStoreDisk {
    const disk = new CrashingStoreDisk();
    disk.#root = folderAfterCrash(this.#root, keep);
    return disk;
  }

  /** Every file and its bytes, for looking at what is left. */
  *contents(folder = this.#root, path = ""): Generator<[path: string, bytes: Buffer]> {
    for (const [name, node] of folder.now) {
      if (isFolder(node)) yield* this.contents(node, `${path}/${name}`);
      else yield [`${path}/${name}`, node.now];
    }
  }

  #find(path: string): File | Folder | undefined {
    let node: File | Folder | undefined = this.#root;
    for (const name of path.split("/").filter((part) => part !== "")) node = isFolder(node) ? node.now.get(name) : undefined;
    return node;
  }

  #folder(path: string): Folder {
    const found = this.#find(path);
    if (!isFolder(found)) throw missing(path);
    return found;
  }

  #file(path: string): File {
    const folder = this.#folder(dirname(path));
    const known = folder.now.get(basename(path));
    if (known !== undefined && !isFolder(known)) return known;
    this.before("create", path);
    const made: File = { now: Buffer.alloc(0), durable: Buffer.alloc(0) };
    folder.now.set(basename(path), made);
    return made;
  }
}

function patched(old: Buffer, bytes: Buffer, position: number): Buffer {
  const grown = Buffer.alloc(Math.max(old.length, position + bytes.length));
  old.copy(grown);
  bytes.copy(grown, position);
  return grown;
}

function folderAfterCrash(folder: Folder, keep: () => boolean): Folder {
  const left = newFolder();
  for (const name of new Set([...folder.durable.keys(), ...folder.now.keys()])) {
    const [was, is] = [folder.durable.get(name), folder.now.get(name)];
    const node = was === is || !keep() ? was : is;
    if (node === undefined) continue;
    const survived = isFolder(node) ? folderAfterCrash(node, keep) : fileAfterCrash(node, keep);
    left.now.set(name, survived);
    left.durable.set(name, survived);
  }
  return left;
}

function fileAfterCrash({ now, durable }: File, keep: () => boolean): File {
  const left = Buffer.alloc(keep() ? now.length : Math.min(durable.length, Math.max(now.length, durable.length)));
  durable.copy(left);
  for (let at = 0; at < Math.min(now.length, left.length); at += PAGE_BYTES)
    if (keep()) now.copy(left, at, at, Math.min(at + PAGE_BYTES, left.length));
  return { now: left, durable: Buffer.from(left) };
}
