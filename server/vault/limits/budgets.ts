/**
 * Budgets: how many uses a key, a principal, both together or a whole namespace has in a minute and in a day.
 *
 * A minute and a day are those of UTC, each beginning anew: anybody with the audit log can count after us, and a refusal
 * can say when it ends. A use is taken from a block that is durable already, like the uses of a limited key
 * (objects/uses.ts): a crash may lose what was left of a block, and never gives more than the budget. Taking from all
 * budgets that concern a use is one step, which nothing comes between.
 *
 * Counted is what was permitted and is about to be tried; what then fails was tried all the same.
 */
import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { canonicalJson } from "@keystead/crypto/formats/canonical-json";
import type { Change } from "../objects/change.ts";
import type { Document, Documents, DocumentName } from "../objects/documents.ts";

/** Whose uses are counted. An empty key or principal stands for all of them together. */
export interface BudgetScope {
  readonly namespace: string;
  readonly keyId: string;
  readonly principal: string;
}

/** Uses in a span of time; 0 = as many as one likes. */
export interface BudgetLimits {
  readonly perMinute: number;
  readonly perDay: number;
}

/** A budget as people see it. */
export interface Budget extends BudgetScope, BudgetLimits {
  readonly id: string;
  readonly usedThisMinute: number;
  readonly usedToday: number;
  readonly setBy: string;
  /** Milliseconds since the epoch. */
  readonly setAt: number;
}

/** What is durable of one span: how much of it was given to blocks. */
interface Reserved {
  /** When it began, milliseconds since the epoch. */
  readonly start: number;
  readonly uses: number;
}

interface Stored extends BudgetScope, BudgetLimits {
  readonly setBy: string;
  readonly setAt: number;
  readonly minute: Reserved;
  readonly day: Reserved;
}

type Span = "minute" | "day";

/** What was used, in memory: of a durable block, never beyond it. */
interface Tally {
  start: number;
  uses: number;
}

interface Entry {
  stored: Stored;
  readonly tally: Readonly<Record<Span, Tally>>;
  /** The making of the next block, while it is under way. */
  reserving: Promise<void> | undefined;
}

const SPAN_MS: Readonly<Record<Span, number>> = { minute: 60_000, day: 86_400_000 };
const SPANS: readonly Span[] = ["minute", "day"];
/** A block is a sixteenth of the budget, at most this: what a crash can lose. */
const BLOCK = 256;
/** Most budgets of a vault: all of them are held in memory. */
export const MOST_BUDGETS = 10_000;

const limitOf = (stored: BudgetLimits, span: Span): number => (span === "minute" ? stored.perMinute : stored.perDay);
const scopeName = (namespace: string, keyId: string, principal: string): string => `${namespace}/${keyId}/${principal}`;

/** The same scope has the same budget: setting it again changes it. */
export const budgetId = ({ namespace, keyId, principal }: BudgetScope): string =>
  `budget-${hash("sha256", canonicalJson({ keyId, namespace, principal }), "hex").slice(0, 32)}`;

const nameOf = (id: string): DocumentName => ({ kind: "limit", id });

export class Budgets {
  readonly #documents: Documents;
  readonly #now: () => number;
  readonly #byScope = new Map<string, Entry>();
  /** For metrics. */
  readonly counters = { refusals: 0 };

  /** Knows what is in the documents, and follows what becomes of them. */
  constructor(documents: Documents, now: () => number) {
    this.#documents = documents;
    this.#now = now;
    for (const document of documents.list<Stored>("limit")) this.#take(document);
    documents.watch("limit", (id, document) => {
      if (document !== undefined) this.#take(document as Document<Stored>);
      else for (const [name, { stored }] of this.#byScope) if (budgetId(stored) === id) this.#byScope.delete(name);
    });
  }

  /**
   * Takes a use of each of these keys from every budget that concerns it.
   *
   * @returns undefined when it was taken at once; a promise when a block had to be made durable first
   * @throws {HsmError} QUOTA_EXCEEDED, saying when there is more; what recording a block throws. Nothing was taken then.
   */
  use(namespace: string, keyIds: readonly string[], principal: string): undefined | Promise<void> {
    if (this.#byScope.size === 0) return undefined;
    const concerned = this.#concerned(namespace, keyIds, principal);
    if (concerned.length === 0 || this.#takeAll(concerned)) return undefined;
    return this.#useLater(namespace, keyIds, principal);
  }

  /** Budgets of a namespace, by key and principal. */
  list(namespace: string): Budget[] {
    return [...this.#byScope.values()]
      .filter(({ stored }) => stored.namespace === namespace)
      .map((entry) => this.#described(entry))
      .sort((a, b) => (scopeName("", a.keyId, a.principal) < scopeName("", b.keyId, b.principal) ? -1 : 1));
  }

  /**
   * Prepares a new budget, or other limits of one there is: what was used of it stays used.
   *
   * @throws {HsmError} QUOTA_EXCEEDED when the vault has too many budgets
   */
  async set(scope: BudgetScope, limits: BudgetLimits, by: string): Promise<{ budget: Budget; change: Change }> {
    const id = budgetId(scope);
    let spent: Record<Span, Tally> | undefined;
    let next: Stored | undefined;
    const change = await this.#documents.change([nameOf(id)], () => {
      const known = this.#entry(scope);
      if (known === undefined && this.#byScope.size >= MOST_BUDGETS)
        throw new HsmError("QUOTA_EXCEEDED", `a vault has at most ${MOST_BUDGETS} budgets`);
      const now = this.#now();
      spent = { minute: this.#spent(known, "minute", now), day: this.#spent(known, "day", now) };
      // What is left of blocks is given back: under the old limits nobody takes any more from now on.
      if (known !== undefined) forfeit(known);
      next = { ...scope, ...limits, setBy: by, setAt: now, minute: { ...spent.minute }, day: { ...spent.day } };
      return [{ ...nameOf(id), value: next }];
    });
    return {
      budget: {
        ...scope,
        ...limits,
        id,
        setBy: by,
        setAt: (next as unknown as Stored).setAt,
        usedThisMinute: spent?.minute.uses ?? 0,
        usedToday: spent?.day.uses ?? 0,
      },
      change: before(change, () => {
        const known = this.#entry(scope);
        if (known !== undefined && spent !== undefined) for (const span of SPANS) Object.assign(known.tally[span], spent[span]);
      }),
    };
  }

  /** Prepares the removal of a budget. @throws {HsmError} OBJECT_NOT_FOUND when the namespace has none of this id */
  async remove(namespace: string, id: string): Promise<Change> {
    return this.#documents.change([nameOf(id)], () => {
      if (this.#documents.get<Stored>("limit", id)?.value.namespace !== namespace)
        throw new HsmError("OBJECT_NOT_FOUND", `there is no budget '${id}' in namespace '${namespace}'`);
      return [{ ...nameOf(id), value: undefined }];
    });
  }

  /** Removes all budgets of a namespace that ends. @throws what recording throws */
  async end(namespace: string): Promise<void> {
    const names = this.list(namespace).map(({ id }) => nameOf(id));
    if (names.length > 0) await this.#documents.record("EndBudgets", names, () => names.map((name) => ({ ...name, value: undefined })));
  }

  /** How many there are. */
  get size(): number {
    return this.#byScope.size;
  }

  async #useLater(namespace: string, keyIds: readonly string[], principal: string): Promise<void> {
    for (;;) {
      // Looked for again each time: a budget may be set or deleted meanwhile.
      const concerned = this.#concerned(namespace, keyIds, principal);
      if (this.#takeAll(concerned)) return;
      const now = this.#now();
      const lacking = concerned.find((entry) => SPANS.some((span) => this.#left(entry, span, now) < 1)) as Entry;
      // One block for everybody who waits for it.
      lacking.reserving ??= this.#reserve(lacking).finally(() => (lacking.reserving = undefined));
      await lacking.reserving;
    }
  }

  /** Makes the next block durable. @throws {HsmError} QUOTA_EXCEEDED */
  async #reserve(entry: Entry): Promise<void> {
    const { stored: scope } = entry;
    const id = budgetId(scope);
    await this.#documents.record("ReserveBudget", [nameOf(id)], () => {
      const { stored } = entry;
      // Deleted while this waited for it.
      if (this.#entry(scope) !== entry) return [];
      const now = this.#now();
      const reserve = (span: Span): Reserved => {
        const limit = limitOf(stored, span);
        const start = this.#begin(stored[span].start, span, now);
        const reserved = stored[span].start === start ? stored[span].uses : 0;
        if (limit === 0 || this.#left(entry, span, now) >= 1) return { start, uses: reserved };
        if (reserved >= limit) throw this.#exceeded(stored, span, start, now);
        return { start, uses: Math.min(limit, reserved + Math.min(BLOCK, Math.ceil(limit / 16))) };
      };
      return [{ ...nameOf(id), value: { ...stored, minute: reserve("minute"), day: reserve("day") } }];
    });
  }

  #exceeded({ keyId, principal }: Stored, span: Span, start: number, now: number): HsmError {
    this.counters.refusals += 1;
    const end = start + SPAN_MS[span];
    const whose =
      [keyId === "" ? "" : `key '${keyId}'`, principal === "" ? "" : `principal '${principal}'`].filter(Boolean).join(" and ") ||
      "the namespace";
    return new HsmError(
      "QUOTA_EXCEEDED",
      `the ${span === "day" ? "daily" : "minute's"} budget of ${whose} is used up until ${new Date(end).toISOString()}`,
      {
        retryAfterSeconds: Math.max(1, Math.ceil((end - now) / 1000)),
      },
    );
  }

  /** All or none. */
  #takeAll(entries: readonly Entry[]): boolean {
    const now = this.#now();
    for (const entry of entries) for (const span of SPANS) if (this.#left(entry, span, now) < 1) return false;
    for (const entry of entries) for (const span of SPANS) entry.tally[span].uses += 1;
    return true;
  }

  /** How many uses the durable block still has. Without a limit there is always one. */
  #left(entry: Entry, span: Span, now: number): number {
    const { stored, tally } = entry;
    const mine = tally[span];
    const start = this.#begin(Math.max(stored[span].start, mine.start), span, now);
    if (mine.start !== start) {
      mine.start = start;
      mine.uses = 0;
    }
    if (limitOf(stored, span) === 0) return 1;
    return stored[span].start === start ? stored[span].uses - mine.uses : 0;
  }

  /** When the present span began. A clock that was set back begins none anew. */
  #begin(known: number, span: Span, now: number): number {
    return Math.max(known, now - (now % SPAN_MS[span]));
  }

  #spent(entry: Entry | undefined, span: Span, now: number): Tally {
    if (entry === undefined) return { start: this.#begin(0, span, now), uses: 0 };
    this.#left(entry, span, now);
    return { ...entry.tally[span] };
  }

  #described(entry: Entry): Budget {
    const { namespace, keyId, principal, perMinute, perDay, setBy, setAt } = entry.stored;
    const now = this.#now();
    return {
      id: budgetId(entry.stored),
      namespace,
      keyId,
      principal,
      perMinute,
      perDay,
      setBy,
      setAt,
      usedThisMinute: this.#spent(entry, "minute", now).uses,
      usedToday: this.#spent(entry, "day", now).uses,
    };
  }

  #concerned(namespace: string, keyIds: readonly string[], principal: string): Entry[] {
    const found = new Set<Entry>();
    for (const keyId of [...keyIds, ""])
      for (const who of [principal, ""]) {
        const entry = this.#byScope.get(scopeName(namespace, keyId, who));
        if (entry !== undefined) found.add(entry);
      }
    return [...found];
  }

  #entry({ namespace, keyId, principal }: BudgetScope): Entry | undefined {
    return this.#byScope.get(scopeName(namespace, keyId, principal));
  }

  #take({ value }: Document<Stored>): void {
    const known = this.#entry(value);
    if (known !== undefined) known.stored = value;
    else
      this.#byScope.set(scopeName(value.namespace, value.keyId, value.principal), {
        stored: value,
        // What was given to blocks before a start counts as used: nobody knows how much of it was.
        tally: { minute: { ...value.minute }, day: { ...value.day } },
        reserving: undefined,
      });
  }
}

/** Nothing is left of the entry's blocks. */
function forfeit({ stored, tally }: Entry): void {
  for (const span of SPANS) if (stored[span].start === tally[span].start) tally[span].uses = Math.max(tally[span].uses, stored[span].uses);
}

/** The same change, and what else becomes true with it, just before. */
const before = (change: Change, apply: () => void): Change => ({
  ...change,
  settle(durable) {
    if (durable) apply();
    change.settle(durable);
  },
});
