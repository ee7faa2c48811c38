/**
 * A disk for tests: it keeps what was written durably and, at a crash, any part of the rest, page by page in any order.
 * It can fill up, fail, and die at a chosen step.
 */
import { basename, dirname } from "node:path";
import type { FileLayer, LogFile } from "./file-layer.ts";

const PAGE_BYTES = 256;
/** Pages that are compared at once, because most are alike. */
const STRETCH_BYTES = 256 * PAGE_BYTES;

interface Content {
  now: Buffer;
  durable: Buffer;
  nameDurable: boolean;
}

export class CrashingDisk {
  readonly contents = new Map<string, Content>();
  /** Removed, and may be back after a crash. */
  readonly #removed = new Map<string, Content>();
  /** Called before every write, truncation, sync and name sync; what it throws is the disk's error. */
  before: (step: "write" | "truncate" | "sync" | "name", path: string) => void = () => undefined;

  readonly files: FileLayer = {
    list: (folder) => [...this.contents.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path)),
    open: (path) => this.#open(path),
    syncFolder: (folder) => {
      this.before("name", folder);
      for (const [path, content] of this.contents) if (dirname(path) === folder) content.nameDurable = true;
      for (const path of this.#removed.keys()) if (dirname(path) === folder) this.#removed.delete(path);
    },
    ensureFolder: () => undefined,
    remove: (path) => {
      this.before("name", path);
      const content = this.contents.get(path);
      if (content !== undefined) this.#removed.set(path, content);
      this.contents.delete(path);
    },
  };

  #open(path: string): LogFile {
    let content = this.contents.get(path);
    if (content === undefined) this.contents.set(path, (content = { now: Buffer.alloc(0), durable: Buffer.alloc(0), nameDurable: false }));
    const file = content;
    const write = (bytes: Buffer, position: number): void => {
      this.before("write", path);
      if (position + bytes.length > file.now.length)
        file.now = Buffer.concat([file.now, Buffer.alloc(position + bytes.length - file.now.length)]);
      bytes.copy(file.now, position);
    };
    // What one durable write covers is on the disk, and the size it needs; bytes written otherwise may still be lost.
    const settle = (bytes: Buffer, position: number): void => {
      this.before("sync", path);
      const end = position + bytes.length;
      if (end > file.durable.length) file.durable = Buffer.concat([file.durable, Buffer.alloc(end - file.durable.length)]);
      bytes.copy(file.durable, position);
    };
    return {
      size: () => file.now.length,
      read: (target, position) =>
        file.now.copy(target, 0, Math.min(position, file.now.length), Math.min(position + target.length, file.now.length)),
      write,
      truncate: (size) => {
        this.before("truncate", path);
        file.now = Buffer.concat([file.now.subarray(0, size), Buffer.alloc(Math.max(0, size - file.now.length))]);
      },
      writeDurable: async (bytes, position) => {
        write(bytes, position);
        await new Promise((resolve) => setImmediate(resolve));
        settle(bytes, position);
      },
      writeDurableNow: (bytes, position) => {
        write(bytes, position);
        settle(bytes, position);
      },
      close: () => undefined,
    };
  }

  /** The disk after a power failure. `keep` decides for each unsynced page, length and name whether it came through. */
  afterCrash(keep: () => boolean): CrashingDisk {
    const disk = new CrashingDisk();
    const back = [...this.#removed].filter(([path]) => !this.contents.has(path) && keep());
    for (const [path, { now, durable, nameDurable }] of [...this.contents, ...back]) {
      if (!nameDurable && !keep()) continue;
      const left = Buffer.alloc(keep() ? now.length : durable.length);
      durable.copy(left);
      for (let from = 0; from < Math.min(now.length, left.length); from += STRETCH_BYTES) {
        const end = Math.min(from + STRETCH_BYTES, now.length, left.length);
        if (left.compare(now, from, end, from, end) === 0) continue;
        for (let at = from; at < end; at += PAGE_BYTES) {
          const old = left.subarray(at, Math.min(at + PAGE_BYTES, left.length));
          const page = now.subarray(at, Math.min(at + PAGE_BYTES, left.length));
          if (!old.equals(page) && keep()) page.copy(left, at);
        }
      }
      disk.contents.set(path, { now: left, durable: Buffer.from(left), nameDurable: true });
    }
    return disk;
  }

  /** A copy with some bytes changed. */
  copy(change?: (path: string, bytes: Buffer) => Buffer | undefined): CrashingDisk {
    const disk = new CrashingDisk();
    for (const [path, { now }] of this.contents) {
      const bytes = change === undefined ? Buffer.from(now) : change(path, Buffer.from(now));
      if (bytes !== undefined) disk.contents.set(path, { now: bytes, durable: Buffer.from(bytes), nameDurable: true });
    }
    return disk;
  }
}
