/**
 * Reads the log's files forward from any sequence number on, a piece at a time, and keeps its place in between.
 *
 * A line is handed out only when it is genuine: MAC, sequence number, and `previous` where the line before was read too. So
 * nobody who can write to the disk makes a follower believe what the vault did not say. It reads no further than it is told;
 * bytes after that may be taken back by the writer and are not kept.
 */
import { isUtf8 } from "node:buffer";
import { timingSafeEqual, hash, type KeyObject } from "node:crypto";
import { PreparedHmac } from "@keystead/crypto/prepared-hmac";
import { readAnchorList } from "./anchor-list.ts";
import type { FileLayer, LogFile } from "./file-layer.ts";
import { LogBreak } from "./log-break.ts";
import type { FollowedLine } from "./recent-lines.ts";
import { listSegments, type SegmentName } from "./segments.ts";

export interface LineCursorOptions {
  readonly files: FileLayer;
  readonly path: string;
  readonly macKey: KeyObject;
}

/** Bytes of one piece, unless a line is longer. */
const PIECE_BYTES = 128 * 1024;
/** Bytes that are looked through at once for the place to begin. */
const SKIP_BYTES = 1024 * 1024;
const NEWLINE = 10;

const HEAD = '{"event":';
const TAIL = /,"mac":"([0-9a-f]{64})"\}$/;
const TAIL_LENGTH = ',"mac":""}'.length + 64;

export class LineCursor {
  readonly #options: LineCursorOptions;
  readonly #mac: PreparedHmac;
  /** Sequence number of the next line. */
  #next: number;
  /** Hash of the line before it, where it is known. */
  #previous: string | undefined;
  /** Where the next line begins, once that is known. */
  #place: { readonly segmentPath: string; position: number } | undefined;
  #file: LogFile | undefined;

  /** @param after sequence number of the line before the first one to read */
  constructor(options: LineCursorOptions, after: number) {
    this.#options = options;
    this.#mac = new PreparedHmac(options.macKey);
    this.#next = after + 1;
  }

  /** Goes on at another place: the lines up to there were had from elsewhere. */
  move(next: number, previous: string, segmentPath: string, position: number): void {
    if (this.#place?.segmentPath !== segmentPath) this.#closeFile();
    this.#next = next;
    this.#previous = previous;
    this.#place = { segmentPath, position };
  }

  /**
   * The next lines: at least one, unless the files end before it.
   *
   * @param upTo sequence number of the last line that may be read, at least that of the next one
   * @returns lines in order; none when the files do not have the next one
   * @throws {LogBreak} naming the line that is missing or not genuine
   */
  async read(upTo: number): Promise<readonly FollowedLine[]> {
    for (;;) {
      if (this.#place === undefined && !(await this.#find())) return [];
      const lines = this.#piece(upTo);
      // Somebody with a long way to go lets others work in between.
      await new Promise((resolve) => setImmediate(resolve));
      if (lines.length > 0) return lines;
      if (!this.#nextSegment()) return [];
    }
  }

  /** Closes the file and forgets the key. */
  close(): void {
    this.#closeFile();
    this.#mac.wipe();
  }

  #closeFile(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  /** Where the next line begins. @returns false when no segment has it */
  async #find(): Promise<boolean> {
    const { files, path } = this.#options;
    const segment = listSegments(files, path).findLast(({ firstSequence }) => firstSequence <= this.#next);
    if (segment === undefined) return false;
    if (segment.gone === "damaged") return this.#cross(segment) && this.#find();
    const file = files.open(segment.path, "read");
    this.#file = file;
    let position = 0;
    let lines = this.#next - segment.firstSequence;
    const piece = lines === 0 ? Buffer.alloc(0) : Buffer.allocUnsafeSlow(SKIP_BYTES);
    while (lines > 0) {
      const bytes = piece.subarray(0, file.read(piece, position));
      let from = 0;
      for (; lines > 0; lines -= 1) {
        const newline = bytes.indexOf(NEWLINE, from);
        if (newline === -1) break;
        from = newline + 1;
      }
      if (lines > 0 && bytes.length < SKIP_BYTES) {
        this.#closeFile();
        return false;
      }
      // A line that fits in no piece is looked through in several.
      position += lines === 0 ? from : bytes.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#place = { segmentPath: segment.path, position };
    return true;
  }

  /** The whole lines that stand here, as far as they may be read. */
  #piece(upTo: number): FollowedLine[] {
    const place = this.#place as { segmentPath: string; position: number };
    const file = (this.#file ??= this.#options.files.open(place.segmentPath, "read"));
    for (let size = PIECE_BYTES; ; size *= 4) {
      const piece = Buffer.allocUnsafeSlow(size);
      const bytes = piece.subarray(0, file.read(piece, place.position));
      const lines: FollowedLine[] = [];
      let from = 0;
      while (this.#next <= upTo) {
        const newline = bytes.indexOf(NEWLINE, from);
        if (newline === -1) break;
        lines.push(this.#line(bytes.subarray(from, newline)));
        from = newline + 1;
      }
      place.position += from;
      if (lines.length > 0 || bytes.length < size || bytes.includes(0)) return lines;
    }
  }

  /** A line that is verified. */
  #line(bytes: Buffer): FollowedLine {
    const sequence = this.#next;
    const wrong = (reason: string): LogBreak => new LogBreak(sequence, reason);
    const line = isUtf8(bytes) ? bytes.toString("utf8") : "";
    const mac = TAIL.exec(line)?.[1];
    if (mac === undefined || !line.startsWith(HEAD)) throw wrong("the line is not an event");
    const canonical = line.slice(HEAD.length, line.length - TAIL_LENGTH);
    const digest = hash("sha256", canonical, "hex");
    if (!timingSafeEqual(Buffer.from(mac, "hex"), Buffer.from(this.#mac.macHex(digest), "hex"))) throw wrong("the line does not verify");
    // What the vault wrote itself has each of these once outside of quoted text, where quotes are escaped.
    if (!canonical.includes(`,"sequence":${sequence},`)) throw wrong("another event stands in its place");
    if (this.#previous !== undefined && !canonical.includes(`,"previous":"${this.#previous}",`)) throw wrong("the chain is broken");
    this.#previous = digest;
    this.#next += 1;
    return { sequence, line, hash: digest };
  }

  /** Goes on behind a segment that others agreed to do without: its lines are for nobody. */
  #cross(segment: SegmentName): boolean {
    const list = readAnchorList(this.#options.files, segment, this.#options.macKey);
    if (list === undefined || list.lastSequence < this.#next)
      throw new LogBreak(this.#next, "its segment was set aside, and no genuine list leads across it");
    this.#next = list.lastSequence + 1;
    this.#previous = list.lastHash;
    return true;
  }

  /** Goes on in the segment that begins with the next line. @returns false when there is none */
  #nextSegment(): boolean {
    const { files, path } = this.#options;
    const segment = listSegments(files, path).find(({ firstSequence }) => firstSequence === this.#next);
    if (segment === undefined || segment.path === this.#place?.segmentPath) return false;
    if (segment.gone === "damaged") return this.#cross(segment) && this.#nextSegment();
    this.#closeFile();
    this.#place = { segmentPath: segment.path, position: 0 };
    return true;
  }
}
