/**
 * vault.json: read and written whole, atomically (temp, fsync, rename, fsync of the folder).
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { parseHeader, type VaultHeader } from "../objects/hierarchy.ts";

/** Where a vault's header is kept. */
export interface HeaderPlace {
  read(): VaultHeader | undefined;
  write(header: VaultHeader): void;
}

/** In the data folder. */
export function headerFile(dataDir: string): HeaderPlace {
  const path = join(dataDir, "vault.json");
  return {
    read() {
      let text: string;
      try {
        text = readFileSync(path, "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw error;
      }
      return parseHeader(text);
    },
    write(header) {
      const temporary = `${path}.new`;
      const fd = openSync(temporary, "w", 0o600);
      try {
        writeSync(fd, `${JSON.stringify(header, undefined, 2)}\n`);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, path);
      const folder = openSync(dataDir, "r");
      try {
        fsyncSync(folder);
      } finally {
        closeSync(folder);
      }
    },
  };
}

/** In memory, for a vault that forgets. */
export function headerInMemory(): HeaderPlace {
  let kept: VaultHeader | undefined;
  return {
    read: () => kept,
    write(header) {
      kept = header;
    },
  };
}
