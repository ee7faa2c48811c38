/**
 * A file layer in memory, for installations without a disk (storage.backend: memory) and for tests.
 */
import { basename, dirname } from "node:path";
import type { FileLayer, LogFile } from "./file-layer.ts";

export function memoryFiles(): FileLayer {
  const files = new Map<string, { bytes: Buffer; size: number }>();
  return {
    list: (folder) => [...files.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path)),
    open(path): LogFile {
      const file = files.get(path) ?? { bytes: Buffer.alloc(0), size: 0 };
      files.set(path, file);
      const makeRoom = (end: number): void => {
        if (end <= file.bytes.length) return;
        const grown = Buffer.alloc(Math.max(end, file.bytes.length * 2));
        file.bytes.copy(grown);
        file.bytes = grown;
      };
      const write = (bytes: Buffer, position: number): void => {
        const end = position + bytes.length;
        makeRoom(end);
        bytes.copy(file.bytes, position);
        file.size = Math.max(file.size, end);
      };
      return {
        size: () => file.size,
        read: (target, position) =>
          file.bytes.copy(target, 0, Math.min(position, file.size), Math.min(position + target.length, file.size)),
        write,
        truncate(size) {
          makeRoom(size);
          if (size < file.size) file.bytes.fill(0, size);
          file.size = size;
        },
        writeDurable: (bytes, position) => Promise.resolve(write(bytes, position)),
        writeDurableNow: write,
        close: () => undefined,
      };
    },
    syncFolder: () => undefined,
    ensureFolder: () => undefined,
    remove: (path) => void files.delete(path),
  };
}
