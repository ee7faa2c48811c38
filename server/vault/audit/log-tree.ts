/**
 * The Merkle tree over the log, as it grows: RFC 6962, one leaf for each event, whose entry is the event's own hash
 * (32 bytes). With it goes the SHA-512 of the segment that is being written.
 *
 * Events come here when they are acknowledged and are hashed a little later: nobody waits for the tree.
 */
import { createHash, type Hash } from "node:crypto";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import { HASH_BYTES } from "@keystead/crypto/public/tlog/tree-hash";
import type { TreeFiles } from "./tree-files.ts";

/** Where the tree stands when a log is opened. */
export interface TreeStart {
  /** Of the events of finished segments. */
  readonly before: Frontier;
  /** Hashes of the events of the segment to go on with, hexadecimal. */
  readonly hashes: readonly string[];
  /** SHA-512 over that segment's lines so far. */
  readonly segmentDigest: Hash;
}

/** What a checkpoint says of the log. */
export interface TreeHead {
  readonly size: number;
  readonly root: Buffer;
  /** Number of the first event of the segment that the last event is in. */
  readonly segmentFirst: number;
  /** SHA-512 of that segment up to its last event's newline, hexadecimal. */
  readonly segmentSha512: string;
}

interface Waiting {
  readonly hashes: readonly { readonly hash: string }[];
  readonly bytes: Buffer;
}

export class LogTree {
  readonly #frontier: Frontier;
  readonly #files: TreeFiles | undefined;
  readonly #entry = Buffer.alloc(HASH_BYTES);
  #segmentDigest: Hash;
  #waiting: Waiting[] = [];
  #woken = false;

  /** @param files are at the size of `start.before` */
  constructor(start: TreeStart, files?: TreeFiles) {
    this.#frontier = start.before.copy();
    this.#files = files;
    this.#segmentDigest = start.segmentDigest;
    for (const hash of start.hashes) this.#take(hash);
  }

  /** Takes a batch that was acknowledged. @param bytes its lines as they stand in the segment */
  add(hashes: Waiting["hashes"], bytes: Buffer): void {
    this.#waiting.push({ hashes, bytes });
    if (this.#woken) return;
    this.#woken = true;
    setImmediate(() => {
      this.#woken = false;
      this.#settle();
    });
  }

  /** Root and digest of everything so far. */
  head(segmentFirst: number): TreeHead {
    this.#settle();
    return {
      size: this.#frontier.size,
      root: this.#frontier.root(),
      segmentFirst,
      segmentSha512: this.#segmentDigest.copy().digest("hex"),
    };
  }

  /** The frontier of everything so far. */
  frontier(): Frontier {
    this.#settle();
    return this.#frontier.copy();
  }

  /** The next event is the first of a new segment. */
  beginSegment(): void {
    this.#settle();
    this.#segmentDigest = createHash("sha512");
  }

  close(): void {
    this.#settle();
    this.#files?.close();
  }

  #settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { hashes, bytes } of waiting) {
      this.#segmentDigest.update(bytes);
      for (const { hash } of hashes) this.#take(hash);
    }
  }

  #take(hash: string): void {
    this.#entry.write(hash, "hex");
    this.#files?.add(this.#entry);
    this.#frontier.add(this.#entry, this.#files?.completed);
  }
}
