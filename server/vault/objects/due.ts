/**
 * What is due, and when: activations and deactivations by date, scheduled destructions, and what
 * rotation policies ask for.
 *
 * The index knows of every key only the time of its next due step, and only while there is one; what then has to be
 * done is read off the key's attributes when that time has come. It is made anew from the records at each unseal.
 */
import type { KeyAttributes } from "./attributes.ts";
import { retentionEnd, versionRetentionEnd, type RetentionEnd, type RetentionRules } from "./retention.ts";
import { excess, nextRotation, revocations } from "./rotation.ts";

/** One step that is due, by the name of the operation that makes it. */
export interface DueStep {
  readonly operation: "ActivateKey" | "DeactivateKey" | "RotateKey" | "RevokeKey" | "DestroyKey" | "PurgeKey" | "notice" | "attest";
  /** An older version; 0 = the key. */
  readonly version: number;
  readonly at: number;
  /** For a destruction. */
  readonly reason?: string;
}

const DESTROYING: ReadonlySet<DueStep["operation"]> = new Set(["DestroyKey", "PurgeKey"]);

/** Every step that a key will take by itself, in no order. What is not destroyable takes none that destroys. */
export function plannedSteps(key: DueKey, attributes: KeyAttributes, rules: RetentionRules): DueStep[] {
  const steps = stepsOf(key, attributes, rules);
  return attributes.destroyable === false ? steps.filter(({ operation }) => !DESTROYING.has(operation)) : steps;
}

function stepsOf(key: DueKey, attributes: KeyAttributes, rules: RetentionRules): DueStep[] {
  const { state, startDate, endDate, purge, versions } = attributes;
  const kept = versions.flatMap((version) => destruction(version.version, versionRetentionEnd(key, attributes, version, rules)));
  switch (state) {
    case "pre_activation":
      // A key that would be past its end the moment it began stays staged.
      return startDate === undefined || (endDate !== undefined && endDate <= startDate)
        ? [...purgesOf(versions), ...kept]
        : [{ operation: "ActivateKey", version: 0, at: startDate }, ...purgesOf(versions), ...kept];
    case "active":
    case "suspended":
      return [
        ...(endDate === undefined ? [] : [{ operation: "DeactivateKey" as const, version: 0, at: endDate }]),
        ...purgesOf(versions),
        ...kept,
        ...rotationOf(attributes),
      ];
    case "purge_scheduled":
      return purge === undefined || purge.needsApproval === true ? [] : [{ operation: "PurgeKey", version: 0, at: purge.at }];
    case "destroyed":
      return attributes.destruction === undefined ? [] : [{ operation: "attest", version: 0, at: attributes.destruction.destroyedAt }];
    default:
      return [...purgesOf(versions), ...kept, ...destruction(0, retentionEnd(key, attributes, rules))];
  }
}

/** What retention asks for. */
const destruction = (version: number, end: RetentionEnd | undefined): DueStep[] =>
  end === undefined ? [] : [{ operation: "DestroyKey", version, at: end.at, reason: `retention: ${end.because}` }];

const purgesOf = (versions: KeyAttributes["versions"]): DueStep[] =>
  versions.flatMap(({ version, state, purge }) =>
    state === "purge_scheduled" && purge !== undefined && purge.needsApproval !== true
      ? [{ operation: "PurgeKey" as const, version, at: purge.at }]
      : [],
  );

/** What the key's rotation policy asks for. A step called "notice" changes nothing: somebody is told. */
function rotationOf(attributes: KeyAttributes): DueStep[] {
  const { rotation, endDate = Infinity } = attributes;
  if (rotation === undefined) return [];
  const rotateAt = nextRotation(attributes);
  return [
    // A key that ends before is not rotated any more.
    ...(rotateAt === undefined || rotateAt >= endDate
      ? []
      : [
          { operation: "notice" as const, version: attributes.current, at: rotateAt - rotation.notice },
          { operation: "RotateKey" as const, version: 0, at: rotateAt },
        ]),
    ...revocations(attributes, rotation).map((step) => ({ operation: "RevokeKey" as const, ...step })),
    ...excess(attributes, rotation).map((step) => ({ operation: "DestroyKey" as const, ...step, reason: "rotation policy" })),
  ];
}

export interface DueKey {
  readonly namespace: string;
  readonly keyId: string;
}

export class DueIndex {
  readonly #next = new Map<string, DueKey & { readonly at: number }>();
  /** Notices that were given, by key: the version they were about. */
  readonly #noticed = new Map<string, number>();
  readonly #rules: RetentionRules;

  constructor(rules: RetentionRules) {
    this.#rules = rules;
  }

  /** What is known of a key now. */
  note(namespace: string, keyId: string, attributes: KeyAttributes): void {
    const name = `${namespace}/${keyId}`;
    const at = this.steps(namespace, keyId, attributes).reduce((least, step) => Math.min(least, step.at), Infinity);
    if (at === Infinity) this.#next.delete(name);
    else this.#next.set(name, { namespace, keyId, at });
  }

  /** The steps that are still to be taken: a notice is given once. */
  steps(namespace: string, keyId: string, attributes: KeyAttributes): DueStep[] {
    const noticed = this.#noticed.get(`${namespace}/${keyId}`);
    return plannedSteps({ namespace, keyId }, attributes, this.#rules).filter(
      ({ operation, version }) => (operation !== "notice" && operation !== "attest") || version !== noticed,
    );
  }

  /** Somebody was told what was to be told of the key: its next rotation, or (version 0) its end. */
  noticed(namespace: string, keyId: string, version: number): void {
    this.#noticed.set(`${namespace}/${keyId}`, version);
  }

  /** What a listing said of a key. A change may have been noted since it was read, and then that stands. */
  listed(namespace: string, keyId: string, attributes: KeyAttributes): void {
    if (!this.#next.has(`${namespace}/${keyId}`)) this.note(namespace, keyId, attributes);
  }

  /** Keys with something due at this time. */
  due(now: number): DueKey[] {
    return [...this.#next.values()].filter(({ at }) => at <= now);
  }

  /** The key is gone, with its namespace. */
  forget(namespace: string, keyId: string): void {
    this.#next.delete(`${namespace}/${keyId}`);
    this.#noticed.delete(`${namespace}/${keyId}`);
  }

  clear(): void {
    this.#next.clear();
    this.#noticed.clear();
  }
}
