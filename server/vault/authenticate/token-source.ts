/**
 * A key set that lies elsewhere: fetched, kept for as long as it may be, fetched again.
 *
 * A token with an unknown key id asks for the set again, at most once in an interval, however many such tokens come.
 * When the set cannot be fetched the old one stays for a bounded time; after that nobody is let in by it.
 */
import { asHsmError, HsmError } from "@keystead/contract/errors";
import type { LoadedKeySet } from "./token.ts";

export interface TokenSourceLimits {
  /** Longest time between fetches, in milliseconds, whatever the server allows. */
  readonly refreshMs: number;
  /** How long a set counts after the last fetch that succeeded. */
  readonly staleMs: number;
  /** Least time between fetches for unknown key ids. */
  readonly unknownKidMs: number;
}

export interface TokenSourceOptions {
  readonly issuer: string;
  readonly limits: TokenSourceLimits;
  /** Fetches and reads the set. */
  readonly load: () => Promise<{ readonly set: LoadedKeySet; readonly maxAgeSeconds: number | undefined }>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told when keys came or went. */
  readonly changed: () => void;
  readonly failed: (error: HsmError) => void;
}

/** Least time between fetches, whatever the server says. */
const LEAST_REFRESH_MS = 60_000;
const RETRY_FIRST_MS = 1000;
const RETRY_LAST_MS = 60_000;

export class TokenSource {
  readonly #options: TokenSourceOptions;
  #set: LoadedKeySet | undefined;
  /** The set in the form that tells whether another one is different. */
  #print = "";
  #fetchedAt = 0;
  #dueAt = 0;
  #failures = 0;
  #askedForUnknownAt = -Infinity;
  #underWay: Promise<void> | undefined;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
  }

  get issuer(): string {
    return this.#options.issuer;
  }

  /** The set in force; undefined when there is none, or it is too old. */
  get current(): LoadedKeySet | undefined {
    return this.#options.now() - this.#fetchedAt > this.#options.limits.staleMs ? undefined : this.#set;
  }

  /** Fetches when it is time to, and forgets what is too old. To be called often. */
  tick(): void {
    if (this.#set !== undefined && this.current === undefined) {
      this.#set = undefined;
      this.#print = "";
      this.#options.changed();
    }
    if (this.#options.now() >= this.#dueAt) void this.refresh();
  }

  /** Fetches now, or waits for the fetch under way. Never throws. */
  refresh(): Promise<void> {
    return (this.#underWay ??= this.#load().finally(() => (this.#underWay = undefined)));
  }

  /**
   * A token names a key that is not in the set. Fetches, when that was not done for this reason for a while.
   *
   * @returns whether a fetch was waited for, so that a second look is worth it
   */
  async unknownKey(): Promise<boolean> {
    const { now, limits } = this.#options;
    if (this.#underWay === undefined) {
      if (now() - this.#askedForUnknownAt < limits.unknownKidMs) return false;
      this.#askedForUnknownAt = now();
    }
    await this.refresh();
    return true;
  }

  async #load(): Promise<void> {
    const { load, now, limits, changed, failed } = this.#options;
    try {
      const { set, maxAgeSeconds } = await load();
      const wantedMs = maxAgeSeconds === undefined ? limits.refreshMs : maxAgeSeconds * 1000;
      this.#fetchedAt = now();
      this.#dueAt = now() + Math.min(limits.refreshMs, Math.max(LEAST_REFRESH_MS, wantedMs));
      this.#failures = 0;
      const print = printOf(set);
      if (print === this.#print && this.#set !== undefined) return;
      this.#set = set;
      this.#print = print;
      changed();
    } catch (error) {
      this.#failures += 1;
      this.#dueAt = now() + Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(20, this.#failures - 1));
      if (this.#failures === 1) failed(asHsmError(error));
    }
  }
}

const printOf = ({ keys }: LoadedKeySet): string =>
  keys.map(({ kid, algorithm, key }) => JSON.stringify([kid, algorithm, key.export({ format: "jwk" })])).join("\n");
