/**
 * How far a sink is, and how it went: kept outside the log, in a file of its own beside the store, `sink-standing.<sink>`.
 *
 * It is not a document, because a document changes with an event, and an event about a delivery would have to be delivered in its
 * turn. Nothing depends on it but how much is delivered twice: without it a sink begins again where it was made.
 *
 *      slot 0 at 0, slot 1 at 256 KiB, written in turn:  u32 n | text (JSON, n bytes) | HMAC-SHA-256 (32)
 *
 * A torn write leaves the other slot, which is one step older. The MAC, under the audit key, is about the sink and when it was
 * made: nobody without the key can move a sink ahead of what it has not delivered, or give one the standing of another.
 */
import { createHmac, timingSafeEqual, type KeyObject } from "node:crypto";
import { join } from "node:path";
import type { FileLayer, LogFile } from "../audit/file-layer.ts";

/** One attempt. */
export interface DeliveryRecord {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly first: number;
  readonly last: number;
  readonly delivered: number;
  /** `missed`: no attempt; they are gone from the log. */
  readonly outcome: "delivered" | "refused" | "unavailable" | "missed";
  /** Empty when it was delivered. */
  readonly detail: string;
  readonly durationMs: number;
}

/** An event that was set aside. */
export interface SetAside {
  readonly sequence: number;
  readonly hash: string;
  readonly type: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

export interface SinkStanding {
  /** Sequence number of the last event that was delivered, set aside or left out. */
  readonly position: number;
  /** Events delivered since the sink was made; repetitions after a crash count again. */
  readonly delivered: number;
  /** Events that were set aside, oldest first. */
  readonly aside: readonly SetAside[];
  /** The last attempts, newest first. */
  readonly deliveries: readonly DeliveryRecord[];
  /** Events of the log that were gone before they were delivered, also such that it would not have got; left out for none. */
  readonly missed?: number;
  /** Its namespace is gone, or may be another by now, and it gets nothing more. */
  readonly ended: boolean;
}

export const MOST_DELIVERIES = 50;
export const MOST_SET_ASIDE = 100;
/** Of texts of others, characters. */
const MOST_REASON = 200;
const SLOT_BYTES = 256 * 1024;
const MAC_BYTES = 32;
const PREFIX = "sink-standing.";

export const NEW_STANDING = (after: number): SinkStanding => ({ position: after, delivered: 0, aside: [], deliveries: [], ended: false });

/** With one attempt more. */
export const withDelivery = (standing: SinkStanding, record: DeliveryRecord): SinkStanding => ({
  ...standing,
  deliveries: [{ ...record, detail: plain(record.detail) }, ...standing.deliveries].slice(0, MOST_DELIVERIES),
});

/** With one event more set aside. There must be room for it. */
export const withSetAside = (standing: SinkStanding, event: SetAside): SinkStanding => ({
  ...standing,
  aside: [...standing.aside.filter(({ sequence }) => sequence !== event.sequence), { ...event, reason: plain(event.reason) }],
});

/** Printable ASCII of a bounded length: a bound on what the file needs, and nothing that plays tricks with a terminal. */
const plain = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?").slice(0, MOST_REASON);

export interface StandingFilesOptions {
  readonly files: FileLayer;
  readonly folder: string;
  readonly macKey: KeyObject;
}

/** The files of all sinks. */
export class StandingFiles {
  readonly #options: StandingFilesOptions;

  constructor(options: StandingFilesOptions) {
    this.#options = options;
    options.files.ensureFolder(options.folder);
  }

  /** Opens a sink's file. @param born what tells this sink from a former one of the same name */
  open(sink: string, born: string): StandingFile {
    const { files, folder, macKey } = this.#options;
    return new StandingFile(files.open(join(folder, `${PREFIX}${sink}`), "append"), `${sink} ${born}`, macKey);
  }

  /** Removes the file of a sink that is not there any more. */
  forget(sink: string): void {
    const { files, folder } = this.#options;
    if (files.list(folder).includes(`${PREFIX}${sink}`)) files.remove(join(folder, `${PREFIX}${sink}`));
  }

  /** Removes files of all other sinks: those that ended as the vault did. */
  keepOnly(sinks: ReadonlySet<string>): void {
    const { files, folder } = this.#options;
    for (const name of files.list(folder))
      if (name.startsWith(PREFIX) && !sinks.has(name.slice(PREFIX.length))) files.remove(join(folder, name));
  }
}

/** One sink's file. */
export class StandingFile {
  readonly #file: LogFile;
  readonly #about: string;
  readonly #macKey: KeyObject;
  /** Number of the last write. */
  #writes = 0;

  constructor(file: LogFile, about: string, macKey: KeyObject) {
    this.#file = file;
    this.#about = about;
    this.#macKey = macKey;
  }

  /** What was written last and is genuine; undefined when nothing is. */
  read(): SinkStanding | undefined {
    const slots = [0, 1].flatMap((slot) => this.#slot(slot) ?? []);
    slots.sort((one, other) => other.writes - one.writes);
    const [last] = slots;
    if (last === undefined) return undefined;
    this.#writes = last.writes;
    const { writes: _, ...standing } = last;
    return standing;
  }

  /** Resolves when it is on the disk. One at a time. */
  async write(standing: SinkStanding): Promise<void> {
    const writes = this.#writes + 1;
    const text = Buffer.from(JSON.stringify({ ...standing, writes }), "utf8");
    const bytes = Buffer.alloc(4 + text.length + MAC_BYTES);
    if (bytes.length > SLOT_BYTES) throw new RangeError("a sink's standing is longer than it can be");
    bytes.writeUInt32LE(text.length, 0);
    text.copy(bytes, 4);
    this.#mac(text).copy(bytes, 4 + text.length);
    await this.#file.writeDurable(bytes, (writes % 2) * SLOT_BYTES);
    this.#writes = writes;
  }

  close(): void {
    this.#file.close();
  }

  #slot(slot: number): (SinkStanding & { readonly writes: number }) | undefined {
    const bytes = Buffer.alloc(SLOT_BYTES);
    const read = this.#file.read(bytes, slot * SLOT_BYTES);
    const length = read < 4 ? Infinity : bytes.readUInt32LE(0);
    if (4 + length + MAC_BYTES > read) return undefined;
    const text = bytes.subarray(4, 4 + length);
    if (!timingSafeEqual(this.#mac(text), bytes.subarray(4 + length, 4 + length + MAC_BYTES))) return undefined;
    return JSON.parse(text.toString("utf8")) as SinkStanding & { readonly writes: number };
  }

  #mac(text: Buffer): Buffer {
    return createHmac("sha256", this.#macKey).update(`keystead sink standing 1\n${this.#about}\n`).update(text).digest();
  }
}
