/**
 * Rekeying: a new generation of KEK and record MAC key, and every record moved to it while the vault works.
 *
 * It begins with a header that names both generations; from then on new records are under the new one, and a record is
 * read under whichever it is. Then all records are gone through, some at a time, each step an operation of its own with
 * its event, so that the log names every record's new digest. It ends with a header that names the new generation
 * alone, once a whole pass has met no record of the former one. Whenever the machine dies in between, the vault opens
 * with both generations and goes on from the first record.
 *
 * @see ARCHITECTURE.md "Rekey"; NIST SP 800-57 Part 1 Rev. 5 §5.3.6 (cryptoperiods of key-wrapping keys)
 */
import { HsmError } from "@keystead/contract/errors";
import type { Change } from "../objects/change.ts";
import { endedRekey, nextGeneration, parseHeader, type OpenHierarchy, type UnsealSecret, type VaultHeader } from "../objects/hierarchy.ts";
import type { Objects } from "../objects/objects.ts";
import { macFits, type RecordKey } from "../objects/record.ts";
import type { Store } from "../stores/store.ts";

/** Records of one step. Their names and digests are one event. */
const STEP_RECORDS = 64;
/** Records looked at in one step, at most: those that have moved already cost little, and not nothing. */
const STEP_LOOKS = 4_096;

/** Counting a million names takes a while; progress may be so old. */
const COUNT_AGAIN_MS = 5_000;

export interface RekeyProgress {
  /** Of the keys that new records are under, from 1. */
  readonly generation: number;
  readonly complete: boolean;
  /** Records found under the new keys in this pass, or moved to them. */
  readonly recordsRenewed: number;
  readonly records: number;
}

export class Rekeying {
  readonly #store: Store;
  readonly #hierarchy: OpenHierarchy;
  readonly #objects: Objects;
  readonly #countRecords: () => number;
  #listed: AsyncIterator<{ key: RecordKey; bytes: Buffer }> | undefined;
  #lookedAt = 0;
  #records = 0;
  #countedAt = -Infinity;
  /** This pass has met a record of the former generation. */
  #metFormer = false;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param countRecords how many records there are, for progress */
  constructor(store: Store, hierarchy: OpenHierarchy, objects: Objects, countRecords: () => number) {
    this.#store = store;
    this.#hierarchy = hierarchy;
    this.#objects = objects;
    this.#countRecords = countRecords;
  }

  /** Every record is under the present keys. */
  get complete(): boolean {
    return this.#hierarchy.former === undefined;
  }

  get progress(): RekeyProgress {
    const { complete } = this;
    if (performance.now() > this.#countedAt + COUNT_AGAIN_MS) {
      this.#records = this.#countRecords();
      this.#countedAt = performance.now();
    }
    const records = this.#records;
    return {
      generation: this.#hierarchy.generation,
      complete,
      recordsRenewed: complete ? records : Math.min(records, this.#lookedAt),
      records,
    };
  }

  /**
   * Makes the next generation of keys and puts it in force for new records. Both secrets are wiped.
   *
   * @throws {HsmError} UNAUTHENTICATED the secret is not the vault's; INVALID_REQUEST a rekey is under way
   */
  begin(secret: UnsealSecret, next: UnsealSecret | undefined): Promise<void> {
    return this.#alone(async () => {
      const { header, keys } = nextGeneration(this.#header(), secret, next);
      this.#store.setHeader(JSON.stringify(header));
      this.#hierarchy.advance(keys);
      // What was prepared before may still come, under the former keys: the first pass begins after it.
      await this.#objects.changesSettled();
      this.#listed = undefined;
    });
  }

  /**
   * Prepares the next records. With nothing left to do it ends the rekey.
   *
   * @returns undefined when this step changes no record
   * @throws {HsmError} INVALID_REQUEST no rekey is under way; INTEGRITY_FAILURE
   */
  step(): Promise<Change | undefined> {
    return this.#alone(async () => {
      if (this.#hierarchy.former === undefined)
        throw new HsmError("INVALID_REQUEST", "no rekey is under way; give the secret to begin one");
      const { keys, ended } = await this.#nextKeys();
      this.#metFormer ||= keys.length > 0;
      if (keys.length > 0) return this.#objects.renew(keys);
      if (!ended) return undefined;
      this.#listed = undefined;
      if (this.#metFormer) return undefined;
      this.#store.setHeader(JSON.stringify(endedRekey(this.#header(), this.#hierarchy.headerMacKey)));
      this.#hierarchy.forgetFormer();
      return undefined;
    });
  }

  /** Names of records of the former generation, and whether the pass came to its end. */
  async #nextKeys(): Promise<{ keys: RecordKey[]; ended: boolean }> {
    if (this.#listed === undefined) {
      this.#listed = this.#store.all()[Symbol.asyncIterator]();
      this.#lookedAt = 0;
      this.#metFormer = false;
    }
    const keys: RecordKey[] = [];
    for (let looks = 0; looks < STEP_LOOKS && keys.length < STEP_RECORDS; looks += 1) {
      const step = await this.#listed.next();
      if (step.done === true) return { keys, ended: true };
      this.#lookedAt += 1;
      if (!macFits(step.value.bytes, this.#hierarchy.recordMacKey)) keys.push(step.value.key);
    }
    return { keys, ended: false };
  }

  #header(): VaultHeader {
    return parseHeader(this.#store.header() ?? "");
  }

  /** One step after the other: two of them would go through the records together. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
