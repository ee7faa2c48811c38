/**
 * What checkpoints say, compared with the log as a verification goes by: form, signature, order, root, the segment's digest, and
 * that each names the one before. It reads nothing and throws for nothing it finds.
 *
 * @see docs/design/audit-format.md "What a verifier reports"
 */
import { createHash, hash, type KeyObject } from "node:crypto";
import { parseCheckpoint, type Checkpoint } from "@keystead/crypto/public/tlog/checkpoint";
import type { Frontier } from "@keystead/crypto/public/tlog/frontier";
import { isSignedBy, NOTE_ED25519, parseNote, verifierKey } from "@keystead/crypto/public/tlog/note";
import type { KeptCheckpoint } from "./checkpoint-lines.ts";

/** The first checkpoint that does not verify. */
export interface BadCheckpoint {
  /** Events it speaks of; 0 where its line does not tell. */
  readonly size: number;
  readonly reason: string;
}

export interface CheckpointOptions {
  /** In order. */
  readonly checkpoints?: Iterable<KeptCheckpoint>;
  /** The first of them is the log's first, which names none before it. */
  readonly firstIsFirst?: boolean;
  /** Ed25519; without it signatures are not looked at. */
  readonly checkpointKey?: KeyObject;
}

/** A checkpoint that is of its form and signed, with why its place in the file is wrong, if it is. */
interface Genuine {
  readonly checkpoint: Checkpoint;
  readonly misplaced: string | undefined;
}

export class CheckpointChecks {
  readonly #rest: Iterator<KeptCheckpoint> | undefined;
  readonly #key: KeyObject | undefined;
  /** The next that can be believed; those that cannot are told at once, and none waits behind them. */
  #next: Genuine | undefined;
  /** SHA-512 of the former one's text; empty before the first; undefined where it is not known. */
  #previous: string | undefined;
  #good = 0;
  /** Events of the last that agreed with the log. */
  #agreed: number;
  #bad: BadCheckpoint | undefined;
  #badEvent: number | undefined;

  /** @param trusted events that are not verified again */
  constructor({ checkpoints, checkpointKey, firstIsFirst = false }: CheckpointOptions, trusted: number) {
    this.#rest = checkpoints?.[Symbol.iterator]();
    this.#key = checkpointKey;
    this.#previous = firstIsFirst ? "" : undefined;
    this.#agreed = trusted;
    this.#advance();
    while (this.#next !== undefined && this.#next.checkpoint.size <= trusted) this.#advance();
  }

  /** Whether digests of segments are needed. */
  get wanted(): boolean {
    return this.#next !== undefined;
  }

  /** The log has so many events. */
  at(events: number, tree: Frontier, segmentFirst: number, digest: ReturnType<typeof createHash>): void {
    for (; this.#next !== undefined && this.#next.checkpoint.size <= events; this.#advance()) {
      const { checkpoint, misplaced } = this.#next;
      const inPlace = checkpoint.size === events;
      const differs = inPlace ? disagreement(checkpoint, tree, segmentFirst, digest) : undefined;
      if (differs !== undefined) this.#badEvent ??= this.#agreed + 1;
      else if (inPlace) this.#agreed = events;
      const reason = inPlace ? (misplaced ?? differs) : "it stands in the wrong place";
      if (reason === undefined) this.#good += 1;
      else this.#isBad(checkpoint.size, reason);
    }
  }

  /**
   * What was found, when the log goes no further.
   *
   * @param events how many there are, where no more can be: checkpoints of more are then wrong
   * @param sound whether all of them verify, so that one that a genuine checkpoint speaks of besides is missing
   */
  end(
    events: number | undefined,
    sound: boolean,
  ): { checkpoints: number; badCheckpoint: BadCheckpoint | undefined; badEvent: number | undefined } {
    for (; events !== undefined && this.#next !== undefined; this.#advance()) {
      const { size } = this.#next.checkpoint;
      if (size <= events) this.#isBad(size, "it stands in the wrong place");
      if (size <= events || !sound) continue;
      this.#badEvent ??= events + 1;
      this.#isBad(size, `the log has only ${events} events`);
    }
    return { checkpoints: this.#good, badCheckpoint: this.#bad, badEvent: this.#badEvent };
  }

  /** The log goes on after so many events that were not read; what was said of them cannot be compared. */
  skip(events: number): void {
    while (this.#next !== undefined && this.#next.checkpoint.size <= events) this.#advance();
  }

  #advance(): void {
    this.#next = undefined;
    while (this.#next === undefined) {
      const step = this.#rest?.next();
      if (step === undefined || step.done === true) return;
      this.#next = this.#genuine(step.value);
    }
  }

  /** The checkpoint when it can be believed; otherwise it is told what is wrong. */
  #genuine({ note, size, wrong }: KeptCheckpoint): Genuine | undefined {
    const former = this.#previous;
    this.#previous = undefined;
    if (wrong !== undefined) return this.#isBad(size, wrong);
    try {
      const signed = parseNote(note);
      const checkpoint = parseCheckpoint(signed.text);
      this.#previous = hash("sha512", signed.text, "hex");
      if (checkpoint.size !== size || size === 0) return this.#isBad(size, `it speaks of ${checkpoint.size} events`);
      if (signed.signatures.length !== 1) return this.#isBad(size, "it has not just the log's own signature");
      if (this.#key !== undefined && !isSignedBy(signed, verifierKey(checkpoint.origin, NOTE_ED25519, this.#key)))
        return this.#isBad(size, "its signature is wrong");
      const [, names] = checkpoint.extensions;
      const says = names?.startsWith("previous ") === true ? names.slice("previous ".length) : "";
      return { checkpoint, misplaced: former === undefined || says === former ? undefined : "it does not name the checkpoint before it" };
    } catch {
      return this.#isBad(size, "it is no checkpoint");
    }
  }

  #isBad(size: number, reason: string): undefined {
    this.#bad ??= { size, reason };
  }
}

/** What a checkpoint says otherwise than the log of as many events. */
function disagreement(
  { root, extensions }: Checkpoint,
  tree: Frontier,
  segmentFirst: number,
  digest: ReturnType<typeof createHash>,
): string | undefined {
  if (!root.equals(tree.root())) return "its root is not the tree's";
  if (extensions[0] !== `segment ${segmentFirst} ${digest.copy().digest("hex")}`) return "its segment's digest is not the segment's";
  return undefined;
}
