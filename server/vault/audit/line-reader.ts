/**
 * Lines taken one after the other, each verified against the one before: form, sequence number, chain, MAC.
 *
 * Verification looks at every event there is, so this is written for speed: of a line whose MAC is right, which therefore
 * nobody but the vault made, no more is parsed than is needed; any doubt goes to the parser. It opens nothing.
 */
import { isUtf8 } from "node:buffer";
import { hash, timingSafeEqual, type KeyObject } from "node:crypto";
import { PreparedHmac } from "@keystead/crypto/prepared-hmac";
import { parseLine, type ChainedEvent } from "./event.ts";

const HEAD = '{"event":';
const MIDDLE = ',"mac":"';
const END = '"}';
const MAC_CHARACTERS = 64;
const TAIL_BYTES = MIDDLE.length + MAC_CHARACTERS + END.length;
const PREVIOUS = ',"previous":"';
const RECORDS = ',"records":[';
const SEQUENCE = ',"sequence":';
const HASH_BYTES = 32;

export class LineReader {
  /** Digest last recorded for each record. */
  readonly anchors = new Map<string, string>();
  /** Sequence number of the last line that verified. */
  sequence: number;
  /** Its hash, hexadecimal. */
  head: string;
  /** The same, as bytes; good until the next line. */
  readonly entry: Buffer = Buffer.alloc(HASH_BYTES);
  readonly #mac: PreparedHmac | undefined;
  readonly #expected: Buffer = Buffer.alloc(MAC_CHARACTERS);

  /** @param head hash of the event `sequence`, which is believed; without a key MACs are not looked at */
  constructor(macKey: KeyObject | undefined, sequence: number, head: string) {
    this.#mac = macKey === undefined ? undefined : new PreparedHmac(macKey);
    this.sequence = sequence;
    this.head = head;
  }

  /** Forgets the key. */
  close(): void {
    this.#mac?.wipe();
  }

  /**
   * Takes the next line, without newline.
   *
   * @returns why it does not verify; undefined when it does and is the last one now
   */
  take(line: Buffer): string | undefined {
    // One character for each byte, so that positions are the same.
    const bytes = line.toString("latin1");
    const cut = bytes.length - TAIL_BYTES;
    if (cut < HEAD.length || !bytes.startsWith(HEAD) || !bytes.startsWith(MIDDLE, cut) || !bytes.endsWith(END))
      return "the line is not an event";
    const digest = hash("sha256", line.subarray(HEAD.length, cut), "hex");
    const genuine = this.#mac === undefined ? undefined : this.#isGenuine(line, cut + MIDDLE.length, digest);
    if (genuine !== true || !this.#followsPlainly(bytes)) {
      // Bytes that are no UTF-8 are no line of ours; decoded leniently, some would read like one that is.
      const event = isUtf8(line) ? parseLine(line.toString("utf8"))?.event : undefined;
      if (event === undefined) return "the line is not an event";
      const wrong = this.#wrongPlace(event) ?? (genuine === false ? "the MAC is wrong" : undefined);
      if (wrong !== undefined) return wrong;
      for (const { name, digest: anchored } of event.records ?? []) this.anchors.set(name, anchored);
    }
    this.sequence += 1;
    this.head = digest;
    this.entry.write(digest, "hex");
    return undefined;
  }

  #wrongPlace(event: ChainedEvent): string | undefined {
    if (event.sequence !== this.sequence + 1) return `the sequence number is ${event.sequence}`;
    return event.previous === this.head ? undefined : "the chain is broken";
  }

  /** Constant time, though whoever may ask has the log. */
  #isGenuine(line: Buffer, at: number, digest: string): boolean {
    this.#expected.write((this.#mac as PreparedHmac).macHex(digest), "latin1");
    return timingSafeEqual(this.#expected, line.subarray(at, at + MAC_CHARACTERS));
  }

  /**
   * Whether an event that the vault made says that it follows, and changed no record. In canonical JSON these characters
   * cannot stand within a string, where a quotation mark has a backslash before it, and no member below the top is called so.
   */
  #followsPlainly(bytes: string): boolean {
    const previous = bytes.indexOf(PREVIOUS, HEAD.length) + PREVIOUS.length;
    if (previous < PREVIOUS.length || !bytes.startsWith(this.head, previous)) return false;
    const sequence = bytes.indexOf(SEQUENCE, previous);
    const next = `${SEQUENCE}${this.sequence + 1},`;
    return sequence !== -1 && bytes.startsWith(next, sequence) && !bytes.slice(previous, sequence).includes(RECORDS);
  }
}
