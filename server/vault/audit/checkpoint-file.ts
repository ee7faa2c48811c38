/**
 * `<log>.checkpoints`: every checkpoint that was signed, and what witnesses said of it, one JSON line each.
 *
 *      {"size":1000,"note":"<signed note>"}\n
 *      {"size":1000,"cosignature":"<signature line of a witness>"}\n
 *
 * The file only grows; a line is durable before anybody sees what it says. Of a line that a crash tore nobody has heard: it
 * is cut. Positions are kept in memory, texts are not.
 */
import { dirname } from "node:path";
import { HsmError } from "@keystead/contract/errors";
import { readLines } from "./segments.ts";
import type { FileLayer, LogFile } from "./file-layer.ts";

export interface StoredCheckpoint {
  readonly size: number;
  /** Signed by the log alone. */
  readonly note: string;
  /** Signature lines of witnesses, without newlines. */
  readonly cosignatures: readonly string[];
}

interface Place {
  readonly position: number;
  readonly bytes: number;
}

const SIZE = /^\{"size":(\d{1,16}),"(note|cosignature)":/;

/** More than any line of ours has. */
const MOST_LINE_BYTES = 64 * 1024;

const damaged = (): HsmError => new HsmError("INTEGRITY_FAILURE", "the checkpoint file is damaged");

/** The note with everything that witnesses said. */
export const cosignedNote = ({ note, cosignatures }: StoredCheckpoint): string =>
  `${note}${cosignatures.map((line) => `${line}\n`).join("")}`;

export class CheckpointFile {
  readonly #file: LogFile;
  readonly #sizes: number[] = [];
  readonly #notes: Place[] = [];
  readonly #cosignatures = new Map<number, Place[]>();
  #end = 0;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  /** @throws {HsmError} INTEGRITY_FAILURE for a whole line that is none of ours: no crash leaves one */
  constructor(files: FileLayer, logPath: string) {
    const folder = dirname(logPath);
    files.ensureFolder(folder);
    this.#file = files.open(`${logPath}.checkpoints`, "append");
    if (this.#file.size() === 0) files.syncFolder(folder);
    for (const { line, position, end } of readLines(this.#file)) {
      const [, size, what] = SIZE.exec(line) ?? [];
      if (end === -1 || what === undefined) break;
      this.#keep(Number(size), what === "note", { position, bytes: end - position });
      this.#end = end;
    }
    this.#cutTornLine();
  }

  /** How many there are. */
  get count(): number {
    return this.#sizes.length;
  }

  /** The last one. */
  latest(): StoredCheckpoint | undefined {
    return this.#at(this.#sizes.length - 1);
  }

  /** The first one whose tree has at least `size` events. */
  covering(size: number): StoredCheckpoint | undefined {
    return this.#at(this.#indexOf(size));
  }

  /** Up to `limit` of them, from the first with at least `size` events on. */
  list(size: number, limit: number): StoredCheckpoint[] {
    const first = this.#indexOf(size);
    return this.#sizes.slice(first, first + limit).map((_, at) => this.#at(first + at) as StoredCheckpoint);
  }

  /** Every one, in order. */
  *all(): Generator<StoredCheckpoint> {
    for (let at = 0; at < this.#sizes.length; at += 1) yield this.#at(at) as StoredCheckpoint;
  }

  /** Adds a checkpoint, larger than the last. Known to nobody before it is on the disk. */
  add(size: number, note: string): Promise<void> {
    return this.#append(size, true, { size, note });
  }

  /** Adds what a witness said of a checkpoint that is here. */
  cosign(size: number, cosignature: string): Promise<void> {
    return this.#append(size, false, { size, cosignature });
  }

  /** Waits for what is being written; nothing is taken or told any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing.catch(() => undefined);
    this.#file.close();
  }

  /**
   * What a crash leaves of the one line that was on its way lacks its newline, or has zeros where a page did not arrive.
   * Anything else was changed, and what stands behind it is evidence.
   */
  #cutTornLine(): void {
    const size = this.#file.size();
    if (size === this.#end) return;
    const rest = Buffer.alloc(Math.min(size - this.#end, MOST_LINE_BYTES));
    this.#file.read(rest, this.#end);
    const newline = rest.indexOf(10);
    const torn = newline === -1 || (newline === rest.length - 1 && rest.includes(0));
    if (size - this.#end > MOST_LINE_BYTES || !torn) {
      this.#file.close();
      throw damaged();
    }
    this.#file.truncate(this.#end);
  }

  #append(size: number, isNote: boolean, value: object): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(value)}\n`, "utf8");
    const writing = this.#writing
      .catch(() => undefined)
      .then(async () => {
        if (this.#closed) return;
        const position = this.#end;
        // What a write that failed left behind may be longer than this line, and would stand after it.
        if (this.#file.size() > position) this.#file.truncate(position);
        await this.#file.writeDurable(line, position);
        this.#end = position + line.length;
        this.#keep(size, isNote, { position, bytes: line.length });
      });
    this.#writing = writing;
    return writing;
  }

  #keep(size: number, isNote: boolean, place: Place): void {
    if (isNote) {
      this.#sizes.push(size);
      this.#notes.push(place);
    } else {
      this.#cosignatures.set(size, [...(this.#cosignatures.get(size) ?? []), place]);
    }
  }

  /** Index of the first checkpoint with at least `size` events. */
  #indexOf(size: number): number {
    let low = 0;
    let high = this.#sizes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sizes[middle] as number) < size) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #at(index: number): StoredCheckpoint | undefined {
    const size = this.#sizes[index];
    // The descriptor's number may be another file's by then.
    if (size === undefined || this.#closed) return undefined;
    return {
      size,
      note: this.#text(this.#notes[index] as Place, "note"),
      cosignatures: (this.#cosignatures.get(size) ?? []).map((place) => this.#text(place, "cosignature")),
    };
  }

  #text({ position, bytes }: Place, member: "note" | "cosignature"): string {
    const line = Buffer.alloc(bytes);
    this.#file.read(line, position);
    try {
      const text = (JSON.parse(line.toString("utf8")) as { readonly [member]?: unknown })[member];
      if (typeof text === "string") return text;
    } catch {
      // As below.
    }
    throw damaged();
  }
}
