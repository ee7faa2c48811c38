/**
 * A change that an operation prepared and the audit log has yet to make durable.
 */
import type { RecordWrite } from "../stores/store.ts";
import type { KeyAttributes } from "./attributes.ts";

/** Where a key or one of its versions stands. */
export interface Standing {
  readonly state: string;
  readonly version: number;
}

export interface Change {
  readonly writes: readonly RecordWrite[];
  /** State and version before and after, when the change is one of a key's life. */
  readonly moved?: { readonly from: Standing; readonly to: Standing };
  /** It is about a session key. */
  readonly sessionKey?: true;
  /** Called exactly once: true when the change is durable, false when it did not happen. Frees the object. */
  settle(durable: boolean): void;
}

/** Serialises the changes of one object: whoever holds the lock has the only change of it under way. */
export class ObjectLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Waits until every change that is under way now has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values());
  }

  /** Waits for the object; the result frees it and may be called more than once. */
  async acquire(name: string): Promise<() => void> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    let release!: () => void;
    const mine = new Promise<void>((resolve) => (release = resolve));
    const tail = before.then(() => mine);
    this.#tails.set(name, tail);
    await before;
    return () => {
      release();
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    };
  }
}

/**
 * A change that becomes real, or does not, once.
 *
 * @param release frees what the change holds, either way
 * @param apply   makes it visible
 * @param undo    takes back what was counted in advance
 */
export function preparedChange(writes: readonly RecordWrite[], release: () => void, apply: () => void, undo?: () => void): Change {
  let settled = false;
  return {
    writes,
    settle(durable) {
      if (settled) return;
      settled = true;
      if (durable) apply();
      else undo?.();
      release();
    },
  };
}

/** Several changes as one: all of it becomes real, or none. No two of them may be about the same record. */
export function joinChanges(first: Change, ...others: readonly Change[]): Change {
  const all = [first, ...others];
  const moved = all.find((change) => change.moved !== undefined)?.moved;
  const sessionKey = all.some((change) => change.sessionKey);
  return {
    writes: all.flatMap(({ writes }) => writes),
    ...(moved === undefined ? {} : { moved }),
    ...(sessionKey ? { sessionKey } : {}),
    settle(durable) {
      for (const change of all) change.settle(durable);
    },
  };
}

/** Where a key, or the version `about`, stands. */
export const standing = ({ state, current, versions }: KeyAttributes, about: number | undefined): Standing =>
  about === undefined
    ? { state, version: current }
    : { state: versions.find(({ version }) => version === about)?.state ?? state, version: about };

/** The same change, followed by something once it is durable. */
export function whenDurable(change: Change, then: () => void): Change {
  let settled = false;
  return {
    ...change,
    settle(durable) {
      if (settled) return;
      settled = true;
      // Before the lock is free: whoever has it next sees this.
      if (durable) then();
      change.settle(durable);
    },
  };
}
