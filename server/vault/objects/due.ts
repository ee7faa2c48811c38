/**
 * What is due, and when: activations and deactivations by date, scheduled destructions.
 *
 * The index knows of every key only the time of its next due step, and only while there is one; what then has to be
 * done is read off the key's attributes when that time has come. It is made anew from the records at each unseal.
 */
import type { KeyAttributes } from "./attributes.ts";

/** One step that is due, by the name of the operation that makes it. */
export interface DueStep {
  readonly operation: "ActivateKey" | "DeactivateKey" | "PurgeKey";
  /** An older version; 0 = the key. */
  readonly version: number;
  readonly at: number;
}

/** Every step that a key will take by itself, in no order. */
export function plannedSteps(attributes: KeyAttributes): DueStep[] {
  const { state, startDate, endDate, purge, versions } = attributes;
  switch (state) {
    case "pre_activation":
      // A key that would be past its end the moment it began stays staged.
      return startDate === undefined || (endDate !== undefined && endDate <= startDate)
        ? purgesOf(versions)
        : [{ operation: "ActivateKey", version: 0, at: startDate }, ...purgesOf(versions)];
    case "active":
    case "suspended":
      return endDate === undefined ? purgesOf(versions) : [{ operation: "DeactivateKey", version: 0, at: endDate }, ...purgesOf(versions)];
    case "purge_scheduled":
      return purge === undefined ? [] : [{ operation: "PurgeKey", version: 0, at: purge.at }];
    case "destroyed":
      return [];
    default:
      return purgesOf(versions);
  }
}

const purgesOf = (versions: KeyAttributes["versions"]): DueStep[] =>
  versions.flatMap(({ version, state, purge }) =>
    state === "purge_scheduled" && purge !== undefined ? [{ operation: "PurgeKey" as const, version, at: purge.at }] : [],
  );

export interface DueKey {
  readonly namespace: string;
  readonly keyId: string;
}

export class DueIndex {
  readonly #next = new Map<string, DueKey & { readonly at: number }>();

  /** What is known of a key now. */
  note(namespace: string, keyId: string, attributes: KeyAttributes): void {
    const name = `${namespace}/${keyId}`;
    const at = plannedSteps(attributes).reduce((least, step) => Math.min(least, step.at), Infinity);
    if (at === Infinity) this.#next.delete(name);
    else this.#next.set(name, { namespace, keyId, at });
  }

  /** What a listing said of a key. A change may have been noted since it was read, and then that stands. */
  listed(namespace: string, keyId: string, attributes: KeyAttributes): void {
    if (!this.#next.has(`${namespace}/${keyId}`)) this.note(namespace, keyId, attributes);
  }

  /** Keys with something due at this time. */
  due(now: number): DueKey[] {
    return [...this.#next.values()].filter(({ at }) => at <= now);
  }

  clear(): void {
    this.#next.clear();
  }
}
