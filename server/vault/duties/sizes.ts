/**
 * How large the vault's files are, and how much room their disks have: looked at now and then, because asking is not free.
 *
 * Reads names and sizes, never contents.
 */
import { readdir, stat, statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

export interface Disk {
  /** `data` or `audit`: what lies on it. */
  readonly disk: string;
  /** In bytes. */
  readonly size: number;
  readonly free: number;
}

export interface SizeFacts {
  /** Undefined where the store is no single file. */
  readonly storeBytes: number | undefined;
  readonly auditBytes: number | undefined;
  readonly disks: readonly Disk[];
}

export interface SizePaths {
  /** The database; undefined where there is none. */
  readonly database: string | undefined;
  readonly dataDir: string;
  /** Beginning of the names of the log's files. */
  readonly auditPath: string;
}

const NOTHING: SizeFacts = Object.freeze({ storeBytes: undefined, auditBytes: undefined, disks: [] });

export class Sizes {
  readonly #paths: SizePaths | undefined;
  facts: SizeFacts = NOTHING;

  /** @param paths undefined when everything is in memory */
  constructor(paths: SizePaths | undefined) {
    this.#paths = paths;
  }

  /** Looks now. What cannot be looked at is left out. */
  async refresh(): Promise<void> {
    const paths = this.#paths;
    if (paths === undefined) return;
    const [storeBytes, auditBytes, data, audit] = await Promise.all([
      paths.database === undefined ? undefined : bytesBeginning(paths.database),
      bytesBeginning(paths.auditPath),
      diskOf("data", paths.dataDir),
      diskOf("audit", dirname(paths.auditPath)),
    ]);
    this.facts = { storeBytes, auditBytes, disks: [data, audit].filter((disk) => disk !== undefined) };
  }
}

/** Bytes of the files whose names begin like this path. */
async function bytesBeginning(path: string): Promise<number | undefined> {
  try {
    const folder = dirname(path);
    const names = (await readdir(folder)).filter((name) => name.startsWith(basename(path)));
    const sizes = await Promise.all(
      names.map((name) =>
        stat(join(folder, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  } catch {
    return undefined;
  }
}

async function diskOf(disk: string, folder: string): Promise<Disk | undefined> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    return { disk, size: bsize * blocks, free: bsize * bavail };
  } catch {
    return undefined;
  }
}
