/**
 * The tree's hashes beside the log, as C2SP tlog-tiles cuts them: `<log>.tree.entries` has the hash of every event,
 * `<log>.tree.0` the leaf hashes, `<log>.tree.1` the roots of 256 leaves each, and so on. A tile is a slice of such a file.
 *
 * All of it is a cache of what the log says (hash-file.ts). A proof made of it is checked against the root before it leaves.
 */
import { dirname } from "node:path";
import { HsmError } from "@keystead/contract/errors";
import { Frontier, type Completed } from "@keystead/crypto/public/tlog/frontier";
import { inclusionProof, provesInclusion, type NodeReader } from "@keystead/crypto/public/tlog/proof";
import { levelWidth, tiledNodes, TILE_HEIGHT, TILE_LEVELS, TILE_WIDTH } from "@keystead/crypto/public/tlog/tiles";
import { fromHashText, HASH_BYTES, leafHash } from "@keystead/crypto/public/tlog/tree-hash";
import type { FileLayer } from "./file-layer.ts";
import { HashFile } from "./hash-file.ts";

const ZEROS = Buffer.alloc(HASH_BYTES);

/** Puts the files right as the log goes by. */
export interface Mender {
  /** The next event, by its hash (hexadecimal). */
  take(entry: string): void;
  /** There are no more. @returns how many hashes stood in pieces that were wrong */
  finish(): number;
}

export class TreeFiles {
  readonly #entries: HashFile;
  readonly #levels: HashFile[];
  readonly #open: (level: number, first: number) => HashFile;

  /** Opens the files of a log's first `size` events; what they say of later ones is cut. */
  constructor(files: FileLayer, logPath: string, size: number) {
    files.ensureFolder(dirname(logPath));
    this.#open = (level, first) => new HashFile(files, `${logPath}.tree.${level}`, first);
    this.#entries = new HashFile(files, `${logPath}.tree.entries`, size);
    this.#levels = [];
    for (let level = 0; level < TILE_LEVELS && (level === 0 || levelWidth(level, size) > 0); level += 1)
      this.#levels.push(this.#open(level, levelWidth(level, size)));
  }

  /** Events that the files know of. */
  get size(): number {
    return this.#entries.count;
  }

  /** Adds an event by its hash; its leaf and nodes come by {@link completed}. */
  add(entry: Uint8Array): void {
    this.#entries.append(entry);
  }

  /** Takes what the frontier completes. */
  readonly completed: Completed = (level, hash) => {
    if (level % TILE_HEIGHT !== 0) return;
    const tileLevel = level / TILE_HEIGHT;
    (this.#levels[tileLevel] ??= this.#open(tileLevel, 0)).append(hash);
  };

  /** Reads nodes of the tree. Nothing that is read is checked here. */
  readonly nodes: NodeReader = tiledNodes((level, first, count) => this.hashes(level, first, count));

  /**
   * Hashes of a level, or of the entries.
   *
   * @throws {HsmError} PROVIDER_UNAVAILABLE where the files have a hole that the pass over the log has not filled yet
   */
  hashes(level: number | "entries", first: number, count: number): Buffer {
    const bytes = (level === "entries" ? this.#entries : this.#levels[level])?.read(first, count) ?? Buffer.alloc(0);
    for (let at = 0; at < bytes.length; at += HASH_BYTES) {
      if (bytes.compare(ZEROS, 0, HASH_BYTES, at, at + HASH_BYTES) === 0) throw beingMade();
    }
    return bytes;
  }

  /** Compares the files with the log, event by event in order, and puts them right. */
  mender(): Mender {
    const frontier = new Frontier();
    let mended = 0;
    const pieces = new Map<HashFile, { first: number; hashes: Buffer[] }>();
    const take = (file: HashFile | undefined, hash: Buffer): void => {
      if (file === undefined) return;
      let piece = pieces.get(file);
      if (piece === undefined) pieces.set(file, (piece = { first: 0, hashes: [] }));
      piece.hashes.push(hash);
      if (piece.hashes.length === TILE_WIDTH) mend(file, piece);
    };
    const mend = (file: HashFile, { first, hashes }: { first: number; hashes: Buffer[] }): void => {
      if (file.mend(first, Buffer.concat(hashes))) mended += hashes.length;
      pieces.set(file, { first: first + hashes.length, hashes: [] });
    };
    const completed: Completed = (level, hash) => {
      if (level % TILE_HEIGHT === 0) take(this.#levels[level / TILE_HEIGHT], fromHashText(hash));
    };
    return {
      take: (entry) => {
        const bytes = Buffer.from(entry, "hex");
        take(this.#entries, bytes);
        frontier.add(bytes, completed);
      },
      finish: () => {
        for (const [file, piece] of pieces) mend(file, piece);
        return mended;
      },
    };
  }

  close(): void {
    for (const file of [this.#entries, ...this.#levels]) file.close();
  }
}

/**
 * The tree of the first `size` events as the files say, and the hash of the last of them, for whoever knows the root.
 *
 * @returns undefined when the files do not lead to that root
 */
export function treeWithRoot(files: FileLayer, logPath: string, size: number, root: Buffer): { tree: Frontier; head: string } | undefined {
  const read = (level: number | "entries", first: number, count: number): Buffer => {
    const file = files.open(`${logPath}.tree.${level}`, "read");
    try {
      const bytes = Buffer.alloc(count * HASH_BYTES);
      file.read(bytes, first * HASH_BYTES);
      return bytes;
    } finally {
      file.close();
    }
  };
  try {
    const nodes = tiledNodes(read);
    const hashes: Uint8Array[] = [];
    let from = 0;
    for (let level = 52; level >= 0; level -= 1) {
      if (Math.floor(size / 2 ** level) % 2 === 0) continue;
      hashes.push(nodes(level, from / 2 ** level));
      from += 2 ** level;
    }
    const tree = new Frontier(size, hashes);
    const head = read("entries", size - 1, 1);
    const fits = tree.root().equals(root) && provesInclusion(leafHash(head), size - 1, size, root, inclusionProof(size - 1, size, nodes));
    return fits ? { tree, head: head.toString("hex") } : undefined;
  } catch {
    return undefined;
  }
}

/** What is read before the files are whole again. */
export const beingMade = (): HsmError =>
  new HsmError("PROVIDER_UNAVAILABLE", "the tree's files are being made again from the log; try later", { retryAfterSeconds: 30 });
