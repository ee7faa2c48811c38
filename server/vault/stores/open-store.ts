/** Opens the store that the configuration names. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { VaultConfig } from "@keystead/contract/config";
import { filesystemStore } from "./filesystem.ts";
import { memoryStore } from "./memory.ts";
import { sqliteStore } from "./sqlite.ts";
import { storeFiles } from "./store-files.ts";
import type { Store } from "./store.ts";

/** How long records of the filesystem store may be in its journal alone. */
const SETTLE_MS = 500;

/**
 * @param onTrouble told when the filesystem store's files cannot follow its journal
 * @throws {HsmError} what the store says of what it finds
 */
export function openStore({ dataDir, storage }: Pick<VaultConfig, "dataDir" | "storage">, onTrouble: (error: unknown) => void): Store {
  switch (storage.backend) {
    case "memory":
      return memoryStore();
    case "sqlite":
      mkdirSync(dirname(storage.sqlitePath), { recursive: true, mode: 0o700 });
      return sqliteStore({ path: storage.sqlitePath, wal: storage.wal, syncMode: storage.syncMode });
    case "filesystem":
      return filesystemStore({
        folder: dataDir,
        durable: storage.syncMode === "full",
        settleAfterMs: SETTLE_MS,
        onTrouble,
        files: storeFiles(storage.shredIterations),
      });
  }
}
