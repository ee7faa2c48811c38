/**
 * What the log proves to others: checkpoints, inclusion, consistency, and its tree as files.
 *
 * It speaks only of what the latest checkpoint covers, in hashes alone. All of it is made of the tree's files, which are a cache,
 * and is checked against a signed root before it leaves: proofs, entries and tiles alike.
 */
import { HsmError } from "@keystead/contract/errors";
import { parseCheckpoint } from "@keystead/crypto/public/tlog/checkpoint";
import { parseNote } from "@keystead/crypto/public/tlog/note";
import { consistencyProof, inclusionProof, provesConsistency, provesInclusion, treeRoot } from "@keystead/crypto/public/tlog/proof";
import { receiptText } from "@keystead/crypto/public/tlog/receipt";
import { hasTile, parseTilePath, TILE_HEIGHT, TILE_LEVELS, TILE_WIDTH, type Tile } from "@keystead/crypto/public/tlog/tiles";
import { HASH_BYTES, leafHash, nodeHash } from "@keystead/crypto/public/tlog/tree-hash";
import { cosignedNote, type StoredCheckpoint } from "./checkpoint-file.ts";
import { genuineCheckpoint, type Checkpoints } from "./checkpoints.ts";
import { beingMade, type TreeFiles } from "./tree-files.ts";

/** A checkpoint as others see it. */
export interface ShownCheckpoint {
  readonly size: number;
  readonly root: Buffer;
  /** With what witnesses added. */
  readonly note: string;
  readonly cosignatures: number;
}

export interface ProvenEvent {
  readonly sequence: number;
  readonly eventHash: Buffer;
  readonly proof: readonly Buffer[];
  readonly checkpoint: ShownCheckpoint;
  readonly receipt: string;
}

export interface ProvenConsistency {
  readonly oldSize: number;
  readonly size: number;
  readonly oldRoot: Buffer;
  readonly root: Buffer;
  readonly proof: readonly Buffer[];
}

export interface TileContent {
  readonly content: Buffer;
  readonly contentType: string;
  /** It never changes. */
  readonly immutable: boolean;
}

const absent = (detail: string): HsmError => new HsmError("OBJECT_NOT_FOUND", detail);

export class AuditProofs {
  readonly #checkpoints: Checkpoints;
  readonly #tree: TreeFiles;
  /** The last whose signature was looked at, and was right. */
  #signed: StoredCheckpoint | undefined;

  constructor(checkpoints: Checkpoints, tree: TreeFiles) {
    this.#checkpoints = checkpoints;
    this.#tree = tree;
  }

  /** The key that checkpoints are signed by, as verifiers want it. */
  get verifierKey(): string {
    return this.#checkpoints.keyText;
  }

  /**
   * The first checkpoint with at least `size` events; the latest for 0.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND; INTEGRITY_FAILURE the file has one that we did not sign
   */
  checkpoint(size: number): ShownCheckpoint {
    const stored = size === 0 ? this.#checkpoints.latest() : this.#checkpoints.covering(size);
    if (stored === undefined) throw absent(size === 0 ? "there is no checkpoint yet" : `no checkpoint has ${size} events yet`);
    if (stored.note !== this.#signed?.note || stored.size !== this.#signed.size) {
      genuineCheckpoint(stored, this.#checkpoints.key);
      this.#signed = stored;
    }
    return shown(stored);
  }

  /** Up to `limit` checkpoints, from the first with at least `size` events on. */
  list(size: number, limit: number): ShownCheckpoint[] {
    return this.#checkpoints.list(size, limit).map(shown);
  }

  /**
   * Proves that an event is in the tree of a checkpoint.
   *
   * @param size events of that checkpoint; 0 = the first one that covers the event
   * @throws {HsmError} OBJECT_NOT_FOUND no such checkpoint yet; PROVIDER_UNAVAILABLE the tree's files are being made again
   */
  event(sequence: number, size: number): ProvenEvent {
    const checkpoint = this.checkpoint(size === 0 ? sequence : size);
    if (size !== 0 && checkpoint.size !== size) throw absent(`there is no checkpoint of ${size} events`);
    if (sequence > checkpoint.size) throw absent(`event ${sequence} is not among ${checkpoint.size} events`);
    const index = sequence - 1;
    const eventHash = this.#tree.hashes("entries", index, 1);
    const proof = inclusionProof(index, checkpoint.size, this.#tree.nodes);
    if (!provesInclusion(leafHash(eventHash), index, checkpoint.size, checkpoint.root, proof)) throw beingMade();
    const receipt = receiptText({ entry: eventHash, index, proof, note: checkpoint.note });
    return { sequence, eventHash, proof, checkpoint, receipt };
  }

  /**
   * Proves that the tree of `size` events continues the one of `oldSize`.
   *
   * @param size 0 = as the latest checkpoint
   * @throws {HsmError} INVALID_REQUEST the other way round; otherwise as {@link event}
   */
  consistency(oldSize: number, size: number): ProvenConsistency {
    const latest = this.checkpoint(0);
    const newSize = size === 0 ? latest.size : size;
    if (newSize > latest.size) throw absent(`no checkpoint has ${newSize} events yet`);
    if (oldSize > newSize) throw new HsmError("INVALID_REQUEST", "old_size: must not be more than size");
    const { nodes } = this.#tree;
    const oldRoot = treeRoot(oldSize, nodes);
    const root = treeRoot(newSize, nodes);
    const proof = consistencyProof(oldSize, newSize, nodes);
    const signed = consistencyProof(newSize, latest.size, nodes);
    const fits = provesConsistency(oldSize, newSize, oldRoot, root, proof);
    if (!fits || !provesConsistency(newSize, latest.size, root, latest.root, signed)) throw beingMade();
    return { oldSize, size: newSize, oldRoot, root, proof };
  }

  /**
   * Hashes of up to `limit` events from a sequence number on.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND none of them is covered; otherwise as {@link event}
   */
  entries(fromSequence: number, limit: number): Buffer[] {
    const latest = this.checkpoint(0);
    if (fromSequence > latest.size) throw absent(`no checkpoint covers event ${fromSequence} yet`);
    const first = fromSequence - 1;
    const end = Math.min(first + limit, latest.size);
    const found: Buffer[] = [];
    for (let index = Math.floor(first / TILE_WIDTH); index * TILE_WIDTH < end; index += 1) {
      const from = index * TILE_WIDTH;
      const hashes = hashesIn(this.#proven({ level: "entries", index, width: Math.min(TILE_WIDTH, latest.size - from) }, latest));
      found.push(...hashes.slice(Math.max(0, first - from), end - from));
    }
    return found;
  }

  /**
   * A file of the tlog-tiles layout.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND a path that there is not, or not yet; otherwise as {@link event}
   */
  tile(path: string): TileContent {
    const latest = this.checkpoint(0);
    if (path === "checkpoint")
      return { content: Buffer.from(latest.note, "utf8"), contentType: "text/plain; charset=utf-8", immutable: false };
    const tile = parseTilePath(path);
    if (tile === undefined || (tile.level !== "entries" && tile.level >= TILE_LEVELS) || !hasTile(tile, latest.size))
      throw absent("the log has no such tile");
    const hashes = this.#proven(tile, latest);
    const content = tile.level === "entries" ? bundle(hashes) : hashes;
    return { content, contentType: "application/octet-stream", immutable: true };
  }

  /** A tile whose hashes lead to a checkpoint's root, by the complete subtrees that it falls into. */
  #proven({ level, index, width }: Tile, { size, root }: ShownCheckpoint): Buffer {
    const { nodes } = this.#tree;
    const bytes = this.#tree.hashes(level, index * TILE_WIDTH, width);
    const hashes = level === "entries" ? hashesIn(bytes).map(leafHash) : hashesIn(bytes);
    const base = level === "entries" ? 0 : level * TILE_HEIGHT;
    for (let at = 0; at < width;) {
      let span = TILE_WIDTH;
      while (at + span > width) span /= 2;
      const height = base + Math.log2(span);
      const place = (index * TILE_WIDTH + at) / span;
      const proof = inclusionProof(place, size, nodes, height);
      if (!provesInclusion(subtreeRoot(hashes.slice(at, at + span)), place, Math.ceil(size / 2 ** height), root, proof)) throw beingMade();
      at += span;
    }
    return bytes;
  }
}

const hashesIn = (bytes: Buffer): Buffer[] =>
  Array.from({ length: bytes.length / HASH_BYTES }, (_, at) => bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));

/** The root over as many hashes as a power of two. */
function subtreeRoot(hashes: readonly Buffer[]): Buffer {
  let row = hashes;
  while (row.length > 1) row = row.flatMap((left, at) => (at % 2 === 0 ? [nodeHash(left, row[at + 1] as Buffer)] : []));
  return row[0] as Buffer;
}

function shown(stored: StoredCheckpoint): ShownCheckpoint {
  const { root } = parseCheckpoint(parseNote(stored.note).text);
  return { size: stored.size, root, note: cosignedNote(stored), cosignatures: stored.cosignatures.length };
}

/** Entries with their lengths in front, two bytes each. */
function bundle(hashes: Buffer): Buffer {
  const count = hashes.length / HASH_BYTES;
  const bytes = Buffer.alloc(count * (2 + HASH_BYTES));
  for (let at = 0; at < count; at += 1) {
    const to = bytes.writeUInt16BE(HASH_BYTES, at * (2 + HASH_BYTES));
    hashes.copy(bytes, to, at * HASH_BYTES, (at + 1) * HASH_BYTES);
  }
  return bytes;
}
