/**
 * The few file operations the log needs, as a value: so that a test can put a layer underneath that loses everything
 * not synced, fails, or fills up. Production uses {@link systemFiles}.
 */
import { closeSync, fdatasync, fdatasyncSync, fsyncSync, ftruncateSync, fstatSync, mkdirSync, openSync, readSync, readdirSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export interface LogFile {
  size(): number;
  /** Fills `target` from `position`; returns the bytes read (less at the end). */
  read(target: Buffer, position: number): number;
  /** Writes all of `bytes` at `position` or throws. */
  write(bytes: Buffer, position: number): void;
  truncate(size: number): void;
  /** Resolves when everything written is on the disk. */
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
}

export interface FileLayer {
  /** Names in a folder; an empty list when it does not exist. */
  list(folder: string): string[];
  open(path: string, mode: "read" | "append"): LogFile;
  /** Makes a created or removed name in `folder` durable. */
  syncFolder(folder: string): void;
  ensureFolder(folder: string): void;
}

/** The operating system's files. New files are 0600, new folders 0700. */
export const systemFiles: FileLayer = {
  list(folder) {
    try {
      return readdirSync(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  },
  open(path, mode) {
    const fd = openSync(path, mode === "read" ? "r" : "a+", 0o600);
    // "a+" makes the file but always writes at the end; positioned writes need a plain descriptor.
    if (mode === "read") return systemFile(fd);
    closeSync(fd);
    return systemFile(openSync(path, "r+"));
  },
  syncFolder(folder) {
    const fd = openSync(folder, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  },
  ensureFolder(folder) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.syncFolder(dirname(folder));
  },
};

function systemFile(fd: number): LogFile {
  return {
    size: () => fstatSync(fd).size,
    read(target, position) {
      let done = 0;
      while (done < target.length) {
        const read = readSync(fd, target, done, target.length - done, position + done);
        if (read === 0) break;
        done += read;
      }
      return done;
    },
    write(bytes, position) {
      let done = 0;
      while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
    },
    truncate: (size) => ftruncateSync(fd, size),
    sync: () => new Promise((resolve, reject) => fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))),
    syncNow: () => fdatasyncSync(fd),
    close: () => closeSync(fd),
  };
}
