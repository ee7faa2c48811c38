/**
 * How often and when keys are used, kept cheaply: in memory, with what is durable in the keys' records behind it.
 *
 * Uses that make something new (sign, encrypt, mac, wrap) are counted, with the bytes they were given; every use counts
 * as the last one. A key without a limit has its count written now and then. A key with a limit is used only against a
 * block of its count that is durable already: a crash may lose what was left of the block, and never grants more than
 * the limit.
 *
 * @see KMIP 2.1 §4.64 (Usage Limits)
 */
import type { KeyAttributes } from "./attributes.ts";
import type { Used } from "./used.ts";

const NEVER: Used = Object.freeze({ uses: 0, bytes: 0, lastAt: 0 });
/** A block is a sixteenth of what the limit allows, at most this: what a crash can lose. */
const BLOCK_USES = 256;
const BLOCK_BYTES = 16 * 1024 * 1024;

interface Page {
  /** Beyond what is durable; of a limited key always 0. */
  uses: number;
  bytes: number;
  lastAt: number;
  /** Durable already and not yet used; only of a limited key. */
  readonly left: { uses: number; bytes: number };
  dirty: boolean;
}

export class Uses {
  readonly #pages = new Map<string, Page>();

  /**
   * Counts a use.
   *
   * @returns false when a block has to be made durable first; nothing was counted then
   */
  take(name: string, { maxUses, maxBytes }: KeyAttributes, makesNew: boolean, bytes: number, now: number): boolean {
    const page = this.#page(name);
    if (makesNew) {
      if (maxUses === undefined && maxBytes === undefined) {
        page.uses += 1;
        page.bytes += bytes;
      } else {
        if (!enough(page, bytes)) return false;
        page.left.uses -= 1;
        page.left.bytes -= bytes;
      }
    }
    page.lastAt = now;
    page.dirty = true;
    return true;
  }

  /** Whether a use of a limited key needs no new block. */
  covers(name: string, bytes: number): boolean {
    return enough(this.#page(name), bytes);
  }

  /** What is left of the durable block. */
  left(name: string): Block {
    return this.#page(name).left;
  }

  /** The block is durable: it may be used. */
  grant(name: string, block: Block): void {
    const page = this.#page(name);
    page.left.uses += block.uses;
    page.left.bytes += block.bytes;
  }

  /** What was used so far, whatever of it is durable. */
  of(name: string, { used = NEVER }: KeyAttributes): Used {
    const page = this.#pages.get(name);
    if (page === undefined) return used;
    return {
      uses: used.uses + page.uses - page.left.uses,
      bytes: used.bytes + page.bytes - page.left.bytes,
      lastAt: Math.max(used.lastAt, page.lastAt),
    };
  }

  /** Keys whose record is behind. */
  dirty(): string[] {
    return [...this.#pages].filter(([, { dirty }]) => dirty).map(([name]) => name);
  }

  /**
   * The counts to write now, and what to do once they are durable.
   *
   * @param last the vault is about to close: what is left of blocks is given back, and no use may follow
   */
  settle(name: string, { used = NEVER }: KeyAttributes, last: boolean): Settled {
    const page = this.#page(name);
    const back = last ? { ...page.left } : { uses: 0, bytes: 0 };
    const { uses, bytes, lastAt } = page;
    page.left.uses -= back.uses;
    page.left.bytes -= back.bytes;
    return {
      used: {
        uses: used.uses + uses - back.uses,
        bytes: used.bytes + bytes - back.bytes,
        lastAt: Math.max(used.lastAt, lastAt),
      },
      written: () => {
        page.uses -= uses;
        page.bytes -= bytes;
        page.dirty = page.uses > 0 || page.bytes > 0 || page.lastAt > lastAt;
        if (!page.dirty && page.left.uses === 0 && page.left.bytes === 0) this.#pages.delete(name);
      },
    };
  }

  forget(name: string): void {
    this.#pages.delete(name);
  }

  clear(): void {
    this.#pages.clear();
  }

  #page(name: string): Page {
    let page = this.#pages.get(name);
    if (page === undefined) this.#pages.set(name, (page = { uses: 0, bytes: 0, lastAt: 0, left: { uses: 0, bytes: 0 }, dirty: false }));
    return page;
  }
}

/** Counts to be written, and what to call when they are durable. */
export interface Settled {
  readonly used: Used;
  readonly written: () => void;
}

/** A part of a limit. */
export interface Block {
  readonly uses: number;
  readonly bytes: number;
}

/** The limit covers both, or has no such side: then the block of that side is made as large as needed. */
const enough = (page: Page, bytes: number): boolean => page.left.uses >= 1 && page.left.bytes >= bytes;

/**
 * The next block of a limited key, large enough for a use of so many bytes.
 *
 * @returns undefined when the limit does not allow the use
 */
export function nextBlock({ used = NEVER, maxUses, maxBytes }: KeyAttributes, left: Block, bytes: number): Block | undefined {
  const side = (limit: number | undefined, spent: number, lacking: number, most: number): number | undefined => {
    if (lacking <= 0) return 0;
    if (limit === undefined) return Math.max(lacking, most);
    const rest = limit - spent;
    return rest < lacking ? undefined : Math.min(rest, Math.max(lacking, Math.min(most, Math.ceil(limit / 16))));
  };
  const uses = side(maxUses, used.uses, 1 - left.uses, BLOCK_USES);
  const size = side(maxBytes, used.bytes, bytes - left.bytes, BLOCK_BYTES);
  return uses === undefined || size === undefined ? undefined : { uses, bytes: size };
}
