/**
 * The retention ledger: a line for every key whose end somebody approved and every namespace that ended, chained and sealed like the audit
 * log, in a file that outlives log archives.
 *
 *      {"entry":{"approved_by":…,"destroyed_at":…,"key":…,"namespace":…,"previous":…,"reason":…,"revoked_at":…,"sequence":…},"mac":"<64 hex>"}
 *
 * `previous` is the SHA-256 of the entry before, 64 zeros for the first; `mac` is HMAC-SHA-256 of the entry's own hash
 * under the audit key. A line that a crash tore is cut and written again: what is to be attested is known from the keys'
 * records.
 */
import { createHmac, hash, timingSafeEqual, type KeyObject } from "node:crypto";
import { dirname } from "node:path";
import { HsmError } from "@keystead/contract/errors";
import { canonicalJson } from "@keystead/crypto/formats/canonical-json";
import type { FileLayer, LogFile } from "../audit/file-layer.ts";

/** What a line attests. Times are ISO 8601. */
export interface Attestation {
  readonly namespace: string;
  readonly key: string;
  readonly reason: string;
  readonly approved_by: string;
  readonly revoked_at: string;
  readonly destroyed_at: string;
  /** Of a namespace, whose `key` is empty: what went with it, and the digest over it (objects/shredding.ts). */
  readonly keys?: number;
  readonly records?: number;
  readonly digest?: string;
}

interface Entry extends Attestation {
  readonly sequence: number;
  readonly previous: string;
}

const GENESIS = "0".repeat(64);

export class RetentionLedger {
  readonly #file: LogFile;
  readonly #macKey: KeyObject;
  readonly #attested = new Set<string>();
  #size: number;
  #previous = GENESIS;
  #sequence = 0;

  /**
   * Opens the ledger and verifies all of it.
   *
   * @throws {HsmError} INTEGRITY_FAILURE naming the first line that does not verify
   */
  constructor(files: FileLayer, path: string, macKey: KeyObject) {
    files.ensureFolder(dirname(path));
    this.#file = files.open(path, "append");
    this.#macKey = macKey;
    files.syncFolder(dirname(path));
    const bytes = Buffer.alloc(this.#file.size());
    this.#file.read(bytes, 0);
    this.#size = bytes.lastIndexOf(0x0a) + 1;
    if (this.#size < bytes.length) this.#file.truncate(this.#size);
    for (const line of bytes.toString("utf8", 0, this.#size).split("\n").slice(0, -1)) this.#follow(line);
  }

  /** How many lines there are. */
  get entries(): number {
    return this.#sequence;
  }

  /** Whether it has this line: of a key, or (with an empty key) of a namespace, that ended then. */
  has({ namespace, key, destroyed_at }: Pick<Attestation, "namespace" | "key" | "destroyed_at">): boolean {
    return this.#attested.has(`${namespace}/${key}/${destroyed_at}`);
  }

  /** Adds a line; durable when this returns. An end that has one gets no second. */
  append(attestation: Attestation): void {
    if (this.has(attestation)) return;
    const entry: Entry = { ...attestation, sequence: this.#sequence + 1, previous: this.#previous };
    const canonical = canonicalJson({ ...entry });
    const digest = hash("sha256", canonical, "hex");
    const line = Buffer.from(`{"entry":${canonical},"mac":"${this.#mac(digest).toString("hex")}"}\n`, "utf8");
    this.#file.writeDurableNow(line, this.#size);
    this.#size += line.length;
    this.#take(entry, digest);
  }

  close(): void {
    this.#file.close();
  }

  #follow(line: string): void {
    const sequence = this.#sequence + 1;
    const broken = (): HsmError => new HsmError("INTEGRITY_FAILURE", `the retention ledger does not verify at line ${sequence}`);
    const [, canonical, mac] = /^\{"entry":(\{.*\}),"mac":"([0-9a-f]{64})"\}$/.exec(line) ?? [];
    if (canonical === undefined || mac === undefined) throw broken();
    let entry: Entry;
    try {
      entry = JSON.parse(canonical) as Entry;
    } catch {
      throw broken();
    }
    const digest = hash("sha256", canonical, "hex");
    if (entry.sequence !== sequence || entry.previous !== this.#previous) throw broken();
    if (!timingSafeEqual(this.#mac(digest), Buffer.from(mac, "hex"))) throw broken();
    this.#take(entry, digest);
  }

  #take(entry: Entry, digest: string): void {
    this.#attested.add(`${entry.namespace}/${entry.key}/${entry.destroyed_at}`);
    this.#previous = digest;
    this.#sequence = entry.sequence;
  }

  #mac(digest: string): Buffer {
    // The label keeps a line of this file from being one of the audit log's.
    return createHmac("sha256", this.#macKey).update("keystead/v1/retention-ledger").update(digest, "hex").digest();
  }
}
