/**
 * The few file operations the filesystem store needs, as a value: so that a test can put a layer underneath that dies
 * between any two of them and loses what was not durable. Production uses {@link systemStoreFiles}.
 *
 * No link is followed: the last name of a path is opened with O_NOFOLLOW, and a folder that is a link is refused when
 * it is listed or written to. This file must never make a path: it is given whole ones (record-paths.ts).
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { HsmError } from "@keystead/contract/errors";
import { fillRandom } from "@keystead/crypto/random";
import { FOLDER_SYNC, syncFolder } from "../folder-sync.ts";

/** A journal that is being written. */
export interface JournalFile {
  /** Writes all of `bytes` at `position`; on the disk when this returns, if `durable`. */
  write(bytes: Buffer, position: number, durable: boolean): void;
  truncate(size: number): void;
  close(): void;
}

export interface StoreFiles {
  /** Names in a folder, in no order; none when it is not there. */
  list(folder: string): string[];
  /** The whole file, or undefined when it is not there. */
  read(path: string): Buffer | undefined;
  /** Makes a new file with these bytes, or empties and fills an old one; on the disk when this returns, if `durable`. */
  write(path: string, bytes: Buffer, durable: boolean): void;
  /** Opens a journal for writing, making it when it is not there. */
  journal(path: string): JournalFile;
  rename(from: string, to: string): void;
  /** Overwrites a file with zeros and removes it; does nothing when it is not there. */
  remove(path: string): void;
  makeFolder(path: string): void;
  /** Removes a folder when it is empty. */
  removeFolder(path: string): void;
  /** Every name in the folder is on the disk when this returns. */
  syncFolder(path: string): void;
}

const absent = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

function refuseLink(path: string): void {
  if (lstatSync(path).isSymbolicLink()) throw new HsmError("INTEGRITY_FAILURE", `${path} is a symbolic link; the key store must hold none`);
}

function openNoFollow(path: string, flags: number): number {
  try {
    return openSync(path, flags | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ELOOP")
      throw new HsmError("INTEGRITY_FAILURE", `${path} is a symbolic link; the key store must hold none`, { cause: error });
    throw error;
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/**
 * Overwrites a file where it lies: so many times with random bytes, then with zeros, each time to the device. What the
 * device or the file system keeps of the former bytes elsewhere is out of reach.
 */
function overwrite(path: string, iterations: number): void {
  const fd = openNoFollow(path, constants.O_WRONLY | constants.O_DSYNC);
  try {
    for (const pass of overwrites(fstatSync(fd).size, iterations)) writeAll(fd, pass, 0);
  } finally {
    closeSync(fd);
  }
}

/** What a file is overwritten with, one after the other. */
export function* overwrites(size: number, iterations: number): Generator<Buffer> {
  for (let done = 0; done < iterations; done += 1) yield fillRandom(Buffer.alloc(size));
  yield Buffer.alloc(size);
}

/** Overwrites a file so often, and unlinks it; a file that is not there is no error. */
const removing =
  (iterations: number): StoreFiles["remove"] =>
  (path) => {
    try {
      overwrite(path, iterations);
      unlinkSync(path);
    } catch (error) {
      if (!absent(error)) throw error;
    }
  };

/** The operating system's files. New files are 0600, new folders 0700. */
export const systemStoreFiles: StoreFiles = {
  list(folder) {
    try {
      refuseLink(folder);
      return readdirSync(folder).filter((name) => !name.startsWith(FOLDER_SYNC));
    } catch (error) {
      if (absent(error)) return [];
      throw error;
    }
  },
  read(path) {
    let fd: number;
    try {
      fd = openNoFollow(path, constants.O_RDONLY);
    } catch (error) {
      if (absent(error)) return undefined;
      throw error;
    }
    try {
      const bytes = Buffer.alloc(fstatSync(fd).size);
      let done = 0;
      for (let got = -1; done < bytes.length && got !== 0; done += got) got = readSync(fd, bytes, done, bytes.length - done, done);
      return bytes.subarray(0, done);
    } finally {
      closeSync(fd);
    }
  },
  write(path, bytes, durable) {
    const fd = openNoFollow(path, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | (durable ? constants.O_DSYNC : 0));
    try {
      writeAll(fd, bytes, 0);
    } finally {
      closeSync(fd);
    }
  },
  journal(path) {
    const plain = openNoFollow(path, constants.O_RDWR | constants.O_CREAT);
    const durably = openNoFollow(path, constants.O_WRONLY | constants.O_DSYNC);
    return {
      write: (bytes, position, durable) => writeAll(durable ? durably : plain, bytes, position),
      truncate: (size) => ftruncateSync(plain, size),
      close() {
        closeSync(plain);
        closeSync(durably);
      },
    };
  },
  rename: renameSync,
  remove: removing(0),
  makeFolder(path) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    refuseLink(path);
  },
  removeFolder(path) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (!absent(error) && (error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
    }
  },
  syncFolder(path) {
    syncFolder(path);
    // One in each of a hundred thousand folders would be litter, and could not be told from something put there.
    for (const name of [FOLDER_SYNC, `${FOLDER_SYNC}-journal`]) rmSync(join(path, name), { force: true });
  },
};

/** The same, where a file that is removed is overwritten with random bytes so many times before it is zeroed. */
export const storeFiles = (shredIterations: number): StoreFiles => ({ ...systemStoreFiles, remove: removing(shredIterations) });
