/**
 * Checkpoints: signed statements about the whole log so far, made by count and by time, before a segment ends and before the
 * log is closed. Each continues every one before it, because it speaks only of events that no crash takes back.
 *
 *      <origin>
 *      <events>
 *      <root hash of the tree, base64>
 *      segment <first sequence> <SHA-512 of the segment up to its last event, hexadecimal>
 *      previous <SHA-512 of the former checkpoint's text, hexadecimal>            absent in the first
 *
 * Operations never wait for one. One that cannot be written is tried again with the next event.
 *
 * @see docs/design/audit-format.md; C2SP tlog-checkpoint
 */
import { createPublicKey, hash, type KeyObject } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { checkpointText, parseCheckpoint } from "@keystead/crypto/public/tlog/checkpoint";
import {
  isSignedBy,
  NOTE_ED25519,
  parseNote,
  signNote,
  verifierKey,
  verifierKeyText,
  type VerifierKey,
} from "@keystead/crypto/public/tlog/note";
import type { CheckpointFile, StoredCheckpoint } from "./checkpoint-file.ts";
import { LogBreak } from "./log-break.ts";
import type { TreeHead } from "./log-tree.ts";
import type { HeadWatcher } from "./log.ts";

export interface CheckpointSettings {
  /** Which log it is: the first line of every checkpoint, and the name of the key. */
  readonly origin: string;
  /** Ed25519. */
  readonly privateKey: KeyObject;
  /** A checkpoint is due after so many events, */
  readonly events: number;
  /** and so many seconds after an event that none covers. */
  readonly seconds: number;
  /** Told of one that could not be written. */
  readonly onTrouble?: (error: unknown) => void;
}

/** Shortest time between two that are due by count: what they cost the disk must not be felt. */
const LEAST_MS = 100;

export class Checkpoints implements HeadWatcher {
  readonly key: VerifierKey;
  readonly #settings: CheckpointSettings;
  readonly #file: CheckpointFile;
  readonly #head: () => TreeHead | undefined;
  /** Events that the last one covers. */
  #covered: number;
  #previous: string | undefined;
  #madeAt = -Infinity;
  #due = false;
  #timer: NodeJS.Timeout | undefined;
  #sequence: number;
  /** The one that is on its way to the disk; there is never a second, so that each names one that is there. */
  #writing: Promise<void> | undefined;
  readonly #listeners: (() => void)[] = [];

  /**
   * @param sequence events of the log now
   * @param head asks the log for its head
   * @throws {HsmError} INTEGRITY_FAILURE when the last checkpoint is not the log's, or the log has fewer events than it says
   */
  constructor(settings: CheckpointSettings, file: CheckpointFile, sequence: number, head: () => TreeHead | undefined) {
    this.#settings = settings;
    this.#file = file;
    this.#head = head;
    this.#sequence = sequence;
    this.key = verifierKey(settings.origin, NOTE_ED25519, createPublicKey(settings.privateKey));
    const latest = file.latest();
    this.#covered = latest?.size ?? 0;
    if (latest !== undefined) {
      const { text } = genuineCheckpoint(latest, this.key);
      this.#previous = hash("sha512", text, "hex");
      if (latest.size > sequence) throw new LogBreak(sequence + 1, `missing; a checkpoint speaks of ${latest.size} events`);
    }
  }

  /** The public key as verifiers want it. */
  get keyText(): string {
    return verifierKeyText(this.key);
  }

  /** Every one, in order. */
  all(): Generator<StoredCheckpoint> {
    return this.#file.all();
  }

  /** The last one that is on the disk. */
  latest(): StoredCheckpoint | undefined {
    return this.#file.latest();
  }

  /** The first one with at least `size` events. */
  covering(size: number): StoredCheckpoint | undefined {
    return this.#file.covering(size);
  }

  /** Up to `limit` of them, from the first with at least `size` events on. */
  list(size: number, limit: number): StoredCheckpoint[] {
    return this.#file.list(size, limit);
  }

  /** Keeps what a witness said of a checkpoint; forgotten when the log is closed meanwhile. */
  async cosign(size: number, line: string): Promise<void> {
    const known = this.#file.covering(size);
    if (known?.size === size && !known.cosignatures.includes(line)) await this.#file.cosign(size, line);
  }

  /** Calls back whenever a new checkpoint is on the disk. */
  onMade(listener: () => void): void {
    this.#listeners.push(listener);
  }

  advanced(sequence: number): void {
    this.#sequence = sequence;
    const { events, seconds } = this.#settings;
    if (this.#due || (sequence - this.#covered >= events && performance.now() - this.#madeAt >= LEAST_MS)) this.#make();
    if (this.#sequence > this.#covered)
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#due = true;
        this.#make();
      }, seconds * 1000).unref();
  }

  segmentEnds(): void {
    this.#make();
  }

  async closing(): Promise<void> {
    await this.#writing;
    this.#make();
    clearTimeout(this.#timer);
    await this.#writing;
    await this.#file.close();
  }

  /** Makes one now, or as soon as the log can be asked, if there is anything to say. */
  #make(): void {
    if (this.#sequence <= this.#covered) return;
    this.#due = true;
    const head = this.#writing === undefined ? this.#head() : undefined;
    if (head === undefined || head.size <= this.#covered) return;
    this.#due = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#madeAt = performance.now();
    const { origin, privateKey, onTrouble } = this.#settings;
    const extensions = [`segment ${head.segmentFirst} ${head.segmentSha512}`];
    if (this.#previous !== undefined) extensions.push(`previous ${this.#previous}`);
    const text = checkpointText({ origin, size: head.size, root: head.root, extensions });
    this.#writing = this.#file.add(head.size, signNote(text, this.key, privateKey)).then(
      () => {
        this.#covered = head.size;
        this.#previous = hash("sha512", text, "hex");
        this.#writing = undefined;
        for (const listener of this.#listeners) listener();
        if (this.#due) this.#make();
      },
      (error: unknown) => {
        // Nobody has seen it.
        this.#writing = undefined;
        onTrouble?.(error);
      },
    );
  }
}

/** A checkpoint of the log, by its signature; what stands beside the note must be what it says. @throws {HsmError} INTEGRITY_FAILURE */
export function genuineCheckpoint(
  { note, size }: Pick<StoredCheckpoint, "note" | "size">,
  key: VerifierKey,
): { text: string; root: Buffer } {
  try {
    const parsed = parseNote(note);
    const checkpoint = parseCheckpoint(parsed.text);
    // The origin may have been another one then; the key is the same.
    const own = checkpoint.origin === key.name ? key : verifierKey(checkpoint.origin, NOTE_ED25519, key.publicKey);
    if (checkpoint.size === size && isSignedBy(parsed, own)) return { text: parsed.text, root: checkpoint.root };
  } catch (cause) {
    throw doesNotVerify(cause);
  }
  throw doesNotVerify();
}

const doesNotVerify = (cause?: unknown): HsmError =>
  new HsmError("INTEGRITY_FAILURE", "a checkpoint of the audit log does not verify", cause === undefined ? {} : { cause });
