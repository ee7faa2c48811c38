/**
 * The few file operations the log needs, as a value: so that a test can put a layer underneath that loses everything
 * not made durable, fails, or fills up. Production uses {@link systemFiles}.
 *
 * Node switches fsync and fdatasync off under its permission model, so durability comes with the write itself: a
 * descriptor opened with O_DSYNC returns from a write when data and size are on the disk, which is what write and
 * fdatasync would have done (open(2)). Folders are made durable by SQLite (folder-sync.ts).
 */
import {
  closeSync,
  constants,
  ftruncateSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  unlinkSync,
  write,
  writeSync,
} from "node:fs";
import { syncFolder } from "../folder-sync.ts";

export interface LogFile {
  size(): number;
  /** Fills `target` from `position`; returns the bytes read (less at the end). */
  read(target: Buffer, position: number): number;
  /** Writes all of `bytes` at `position` or throws. Not durable. */
  write(bytes: Buffer, position: number): void;
  truncate(size: number): void;
  /** Resolves when all of `bytes` is at `position` and on the disk. */
  writeDurable(bytes: Buffer, position: number): Promise<void>;
  /** As {@link writeDurable}, on this thread. */
  writeDurableNow(bytes: Buffer, position: number): void;
  close(): void;
}

export interface FileLayer {
  /** Names in a folder; an empty list when it does not exist. */
  list(folder: string): string[];
  open(path: string, mode: "read" | "append"): LogFile;
  /** Makes created names in `folder` durable. */
  syncFolder(folder: string): void;
  ensureFolder(folder: string): void;
  /** Removes a file; not durable. */
  remove(path: string): void;
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
    if (mode === "read") return systemFile(openSync(path, constants.O_RDONLY), undefined);
    const plain = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    return systemFile(plain, openSync(path, constants.O_WRONLY | constants.O_DSYNC));
  },
  syncFolder,
  ensureFolder(folder) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  },
  remove: unlinkSync,
};

function systemFile(plain: number, durable: number | undefined): LogFile {
  const synced = (): number => {
    if (durable === undefined) throw new TypeError("the file was opened for reading");
    return durable;
  };
  return {
    size: () => fstatSync(plain).size,
    read(target, position) {
      let done = 0;
      while (done < target.length) {
        const read = readSync(plain, target, done, target.length - done, position + done);
        if (read === 0) break;
        done += read;
      }
      return done;
    },
    write: (bytes, position) => writeAll(plain, bytes, position),
    truncate: (size) => ftruncateSync(plain, size),
    writeDurable: (bytes, position) =>
      new Promise((resolve, reject) => {
        const go = (done: number): void =>
          write(synced(), bytes, done, bytes.length - done, position + done, (error, written) => {
            if (error !== null) reject(error);
            else if (done + written < bytes.length) go(done + written);
            else resolve();
          });
        go(0);
      }),
    writeDurableNow: (bytes, position) => writeAll(synced(), bytes, position),
    close() {
      closeSync(plain);
      if (durable !== undefined) closeSync(durable);
    },
  };
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}
