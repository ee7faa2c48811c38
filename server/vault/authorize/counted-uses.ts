/**
 * The uses that a request takes from grants with a number of uses: one, or one for each item of a batch.
 *
 * Taken in memory at once, so that requests that race never take more than there are, and made durable in the transaction
 * of the request's own event, before anybody has its answer: a crash gives no answered use back and loses none. Unlike
 * budgets there are no blocks, because grants are for few uses and every one of them is somebody's decision.
 *
 * Counted is what was permitted and is about to be tried; what then fails was tried all the same.
 */
import { HsmError } from "@keystead/contract/errors";
import { whenDurable, type Change } from "../objects/change.ts";

/** Where uses are kept. */
export interface UseLedger {
  /** Takes a use; true for a grant without a number too. */
  take(id: string): boolean;
  /** Gives back what did not become durable. */
  giveBack(id: string, uses: number): void;
  /** The change that makes them durable. @throws {HsmError} PERMISSION_DENIED when one of the grants was taken back meanwhile */
  spend(uses: ReadonlyMap<string, number>): Promise<Change>;
}

const usedUp = (): HsmError => new HsmError("PERMISSION_DENIED", "the grant that this rests on is used up or was taken back");

export class CountedUses {
  readonly #ledger: UseLedger;
  /** Made with the first: most requests rest on no such grant. */
  #found: Set<string> | undefined;
  readonly #items: CountedUses[] = [];
  #taken: string[] = [];
  #ended = false;

  constructor(ledger: UseLedger) {
    this.#ledger = ledger;
  }

  /** The decision rests on this grant. */
  rests(id: string): void {
    (this.#found ??= new Set()).add(id);
  }

  /** The uses of one item of a batch, which are durable with all the others. */
  item(): CountedUses {
    const item = new CountedUses(this.#ledger);
    this.#items.push(item);
    return item;
  }

  /** Takes what the decision rests on; all or nothing. @throws {HsmError} PERMISSION_DENIED */
  take(): void {
    if (this.#found === undefined) return;
    // An item of a batch that has been answered already.
    if (this.#ended) throw usedUp();
    for (const id of this.#found) {
      if (!this.#ledger.take(id)) {
        this.#giveBack();
        throw usedUp();
      }
      this.#taken.push(id);
    }
  }

  /**
   * What was taken, as a change for the request's event; undefined when there is nothing.
   *
   * @throws {HsmError} PERMISSION_DENIED when one of the grants was taken back meanwhile
   */
  change(): undefined | Promise<Change> {
    if (!this.#tookAny()) return undefined;
    const uses = this.#sum();
    return this.#ledger.spend(uses).then((change) => whenDurable(change, () => this.end()));
  }

  /** The request is over: what did not become durable is given back. What became durable the ledger knows from its document. */
  end(): void {
    this.#ended = true;
    this.#giveBack();
    for (const item of this.#items) item.end();
  }

  #giveBack(): void {
    for (const id of this.#taken) this.#ledger.giveBack(id, 1);
    this.#taken = [];
  }

  #tookAny(): boolean {
    return this.#taken.length > 0 || this.#items.some((item) => item.#tookAny());
  }

  #sum(into = new Map<string, number>()): Map<string, number> {
    for (const id of this.#taken) into.set(id, (into.get(id) ?? 0) + 1);
    for (const item of this.#items) item.#sum(into);
    return into;
  }
}
