/**
 * Tokens: made, initialised, removed, and their PINs set and shown.
 *
 * A token is one document, and each of its two PINs is another, with the principal `token:NAME.so` or `token:NAME.user`, whose
 * sessions, lockout and Argon2id are those of local users. A failed login has one answer after the same work, whatever was
 * wrong. A PIN must never be kept, logged or told; whoever hands one in wipes it.
 *
 * Long, because what changes a token or a PIN must see and change the same three documents together.
 *
 * @see PKCS#11 3.2 §5.5.7 to §5.5.9 (C_InitToken, C_InitPIN, C_SetPIN), §3.2 (CK_TOKEN_INFO)
 */
import { HsmError } from "@keystead/contract/errors";
import { requireStrength } from "@keystead/crypto/password-strength";
import { fillRandom } from "@keystead/crypto/random";
import { wipe } from "@keystead/crypto/wipe";
import type { TagRule } from "../authorize/tag-gate.ts";
import type { PinRole } from "../authorize/token-rights.ts";
import type { TokenView } from "../token-view.ts";
import type { Change } from "../objects/change.ts";
import type { DocumentName, Documents, DocumentWrite } from "../objects/documents.ts";
import { NO_ATTEMPTS, type Attempts } from "./lockout.ts";
import type { Lockouts } from "./lockouts.ts";
import type { LoggedIn } from "./logins.ts";
import { notAuthenticated } from "./not-authenticated.ts";
import { hashPassword, passwordMatches, type Argon2 } from "./password.ts";
import type { Principal } from "./principal.ts";
import type { RetiredNames } from "./retired-names.ts";
import type { Peer, Sessions } from "./sessions.ts";
import { nobodyCalled, pinOf, type LocalSubject, type TokenPinRecord } from "./subjects.ts";
import { newGeneration } from "./users.ts";

/** A token as its document says it. */
export interface TokenRecord {
  readonly label: string;
  readonly namespace: string;
  readonly view: TokenView;
  /** 16 hexadecimal digits. */
  readonly serial: string;
  readonly createdAt: number;
}

export interface NewToken {
  readonly namespace: string;
  /** Empty = from the label. */
  readonly name: string;
  readonly label: string;
  readonly view: TokenView;
  readonly soPin: Uint8Array;
  /** Empty = none yet. */
  readonly userPin: Uint8Array;
}

/** How long PINs must be. */
export interface PinRules {
  /** In characters; below {@link USUAL_PIN_CHARACTERS} only in development. */
  readonly minLength: number;
}

export interface TokensOptions {
  readonly documents: Documents;
  readonly retired: RetiredNames;
  readonly sessions: Sessions;
  readonly lockouts: Lockouts;
  readonly pins: PinRules;
  /** Told of what an operator should know of a PIN that was set. */
  readonly warn: (warning: string, token: string) => void;
  readonly now: () => number;
}

/** What is known of a PIN. */
export interface PinFacts extends Pick<TokenPinRecord, "isSet" | "changedAt"> {
  readonly attempts: Attempts;
  readonly locked: boolean;
  /** Wrong ones in a row that lock it. */
  readonly maxAttempts: number;
}

interface Changed {
  readonly name: string;
  readonly change: Change;
  readonly record: TokenRecord;
  readonly warnings: readonly string[];
}

/** The shortest PIN outside of development, in characters. */
export const USUAL_PIN_CHARACTERS = 8;
/** The longest, in bytes, as passwords. */
const MOST_PIN_BYTES = 1024;
const MOST_LABEL_BYTES = 32;
const MOST_TOKENS = 10_000;
const ROLES = ["so", "user"] as const;

/** No user is called so: names of users begin with a letter or a digit. */
const lockoutName = (name: string): string => `_token-${name}`;
const pinSubject = (token: string, role: PinRole): LocalSubject => ({ kind: "token-pin", name: `${token}.${role}` });
const documentOf = (token: string): DocumentName => ({ kind: "token", id: token });

export class Tokens {
  readonly #options: TokensOptions;

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  get mostPinBytes(): number {
    return MOST_PIN_BYTES;
  }

  get pins(): PinRules {
    return this.#options.pins;
  }

  find(name: string): TokenRecord | undefined {
    return this.#options.documents.get<TokenRecord>("token", name)?.value;
  }

  /** Of this namespace: one of another is not there. @throws {HsmError} OBJECT_NOT_FOUND */
  get(namespace: string, name: string): TokenRecord {
    const found = this.find(name);
    if (found === undefined || found.namespace !== namespace) throw new HsmError("OBJECT_NOT_FOUND", `there is no token ${name}`);
    return found;
  }

  /** As {@link get}, for somebody who may know of it: whoever came by a PIN knows of its own token. @throws {HsmError} OBJECT_NOT_FOUND */
  getFor(by: Principal, namespace: string, name: string): TokenRecord {
    const own = pinOf(by.id);
    if (own !== undefined && own.token !== name) throw new HsmError("OBJECT_NOT_FOUND", `there is no token ${name}`);
    return this.get(namespace, name);
  }

  /** By name; whoever came by a PIN sees its own. */
  listFor(by: Principal): { readonly name: string; readonly record: TokenRecord }[] {
    const own = pinOf(by.id);
    return this.#options.documents
      .list<TokenRecord>("token")
      .filter(({ id }) => own === undefined || own.token === id)
      .map(({ id: name, value: record }) => ({ name, record }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Tags by which keys come into views. Whoever makes a key may put it into a token's view; whoever came by a PIN may put keys
   * into the view of that token alone, or an application would find there what it takes for its own.
   */
  *tagRules({ view }: Pick<Principal, "view">): Generator<TagRule> {
    for (const { id, value } of this.#options.documents.list<TokenRecord>("token")) {
      const tags = new Set(value.view.tags.filter((tag) => view?.tags.includes(tag) !== true));
      if (tags.size > 0) yield { name: `the view of token ${id}`, tags, namespaces: new Set([value.namespace]), gives: view !== undefined };
    }
  }

  /** The token whose PIN the principal came by, and which of the two. @throws {HsmError} INVALID_REQUEST for everybody else */
  own(by: Principal): { readonly token: string; readonly role: PinRole; readonly record: TokenRecord } {
    const pin = pinOf(by.id);
    const record = pin === undefined ? undefined : this.find(pin.token);
    if (pin === undefined || record === undefined)
      throw new HsmError("INVALID_REQUEST", "this is about the token whose PIN opened the session, and the caller came by none");
    return { ...pin, record };
  }

  /** As it is once it was given right, or set. */
  factsAfter(isSet: boolean, changedAt: number): PinFacts {
    return { isSet, changedAt, attempts: NO_ATTEMPTS, locked: false, maxAttempts: this.#options.lockouts.maxAttempts };
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND */
  factsOf(token: string, role: PinRole): PinFacts {
    const { lockouts } = this.#options;
    const { name } = pinSubject(token, role);
    const attempts = lockouts.of(lockoutName(name));
    const { isSet, changedAt } = this.#pin(token, role);
    return { isSet, changedAt, attempts, locked: lockouts.isLocked(lockoutName(name)), maxAttempts: lockouts.maxAttempts };
  }

  /** @throws {HsmError} OBJECT_EXISTS; INVALID_REQUEST for a label or PIN; PERMISSION_DENIED; QUOTA_EXCEEDED */
  async create(by: Principal, wanted: NewToken, argon2: Argon2): Promise<Changed> {
    const { documents, retired, sessions, now } = this.#options;
    const name = wanted.name || wanted.label.replaceAll(/[^A-Za-z0-9._-]/g, "-").slice(0, MOST_LABEL_BYTES);
    requireLabel(wanted.label);
    for (const role of ROLES) sessions.requireWithin(by, pinSubject(name, role), { roles: [], namespaces: [wanted.namespace], pin: role });
    const warnings = this.#requirePins(name, wanted.userPin.length === 0 ? [wanted.soPin] : [wanted.soPin, wanted.userPin]);
    const record: TokenRecord = {
      label: wanted.label,
      namespace: wanted.namespace,
      view: { tags: [...new Set(wanted.view.tags)], algorithms: [...new Set(wanted.view.algorithms)] },
      serial: fillRandom(Buffer.alloc(8)).toString("hex"),
      createdAt: now(),
    };
    const soPin = await hashPassword(wanted.soPin, argon2);
    const userPin = wanted.userPin.length === 0 ? Buffer.alloc(0) : await hashPassword(wanted.userPin, argon2);
    const pins = { so: soPin, user: userPin };
    const pinRecord = (role: PinRole): TokenPinRecord => ({
      pin: role,
      view: record.view,
      isSet: pins[role].length > 0,
      changedAt: now(),
      roles: [],
      namespaces: [wanted.namespace],
      disabled: false,
      maxSessions: 0,
      generation: newGeneration(),
      createdAt: now(),
    });
    const takings = ROLES.map((role) => retired.taking(pinSubject(name, role)));
    const about = [documentOf(name), ...ROLES.map((role) => pinDocument(name, role)), ...takings.flatMap((taking) => taking.about)];
    try {
      const change = await documents.change(about, () => {
        if (this.find(name) !== undefined) throw new HsmError("OBJECT_EXISTS", `there is a token ${name} already`);
        if (documents.count("token") >= MOST_TOKENS) throw new HsmError("QUOTA_EXCEEDED", "there are as many tokens as there may be");
        return [
          { ...documentOf(name), value: record },
          ...ROLES.map((role): DocumentWrite => ({ ...pinDocument(name, role), value: pinRecord(role), material: pins[role] })),
          ...takings.flatMap((taking) => taking.plan()),
        ];
      });
      return { name, record, change, warnings };
    } finally {
      wipe(soPin, userPin);
    }
  }

  /** With both PINs and every session of them. @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED */
  async remove(by: Principal, namespace: string, name: string): Promise<Change> {
    const { retired, sessions, lockouts } = this.#options;
    const record = this.getFor(by, namespace, name);
    for (const role of ROLES) sessions.requireWithin(by, pinSubject(name, role), this.#pin(name, role));
    const also = ROLES.flatMap((role) => [
      lockouts.forgiving(lockoutName(pinSubject(name, role).name)),
      retired.retiring(by, pinSubject(name, role)),
    ]);
    const { about, plan } = joined(also);
    return sessions.changeSubject<TokenPinRecord>(pinSubject(name, "user"), () => undefined, {
      about: [documentOf(name), pinDocument(name, "so"), ...about],
      plan: () => {
        if (this.find(name) !== record) throw new HsmError("OBJECT_CHANGED", `token ${name} was changed meanwhile; repeat`);
        return [{ ...documentOf(name), value: undefined }, { ...pinDocument(name, "so"), value: undefined }, ...plan()];
      },
    });
  }

  /** Removes the tokens of a namespace that ends. @throws what recording throws */
  async end(namespace: string): Promise<void> {
    const { documents, lockouts } = this.#options;
    const names = documents.list<TokenRecord>("token").flatMap(({ id, value }) => (value.namespace === namespace ? [id] : []));
    for (const name of names) {
      const forgiving = joined(ROLES.map((role) => lockouts.forgiving(lockoutName(pinSubject(name, role).name))));
      const own = [documentOf(name), ...ROLES.map((role) => pinDocument(name, role))];
      await documents.record("EndToken", [...own, ...forgiving.about], () => [
        ...own.map((each) => ({ ...each, value: undefined })),
        ...forgiving.plan(),
      ]);
    }
  }

  /** @throws {HsmError} UNAUTHENTICATED; QUOTA_EXCEEDED, to whoever has the right PIN */
  async login(token: string, role: PinRole, pin: Uint8Array, bindAddress: boolean, peer: Peer, argon2: Argon2): Promise<LoggedIn> {
    const { sessions, lockouts } = this.#options;
    const subject = pinSubject(token, role);
    const known = this.#pinOrNone(token, role);
    const right = await this.#matches(subject, known, pin, argon2);
    // Looked at after the work, as for local users: what was changed meanwhile counts, and guesses made together are counted.
    const current = this.#pinOrNone(token, role);
    if (!right || current === undefined || current.generation !== known?.generation || lockouts.isLocked(lockoutName(subject.name))) {
      await lockouts.failed(lockoutName(subject.name), known !== undefined);
      throw notAuthenticated();
    }
    const also = lockouts.forgiving(lockoutName(subject.name));
    const { generation } = current;
    const { tokens, change } = await sessions.begin({ subject, generation, peer, bindAddress, mfaAt: null, also });
    return { subject, tokens, change };
  }

  /** Returns when this is the PIN. A wrong one counts like a failed login. @throws {HsmError} UNAUTHENTICATED */
  async confirm(token: string, role: PinRole, pin: Uint8Array, argon2: Argon2): Promise<void> {
    const { lockouts } = this.#options;
    const subject = pinSubject(token, role);
    const right = await this.#matches(subject, this.#pinOrNone(token, role), pin, argon2);
    if (right && !lockouts.isLocked(lockoutName(subject.name))) return;
    await lockouts.failed(lockoutName(subject.name), true);
    throw notAuthenticated();
  }

  /**
   * A new label, and no user PIN any more.
   *
   * @param isEmpty whether the view has no keys
   * @throws {HsmError} KEY_STATE_FORBIDS while the view has keys; INVALID_REQUEST for a label or a caller without a security officer's PIN
   */
  async initialize(by: Principal, label: string, isEmpty: (record: TokenRecord) => Promise<boolean>): Promise<Changed> {
    const { token, record } = this.#ownAsOfficer(by);
    if (label !== "") requireLabel(label);
    if (!(await isEmpty(record)))
      throw new HsmError("KEY_STATE_FORBIDS", `token ${token} shows keys or objects; it is initialised again once they are gone`);
    const value: TokenRecord = { ...record, label: label || record.label };
    const { about, plan } = this.#options.lockouts.forgiving(lockoutName(pinSubject(token, "user").name));
    const also = {
      about: [documentOf(token), ...about],
      plan: () => {
        if (this.find(token) !== record) throw new HsmError("OBJECT_CHANGED", `token ${token} was changed meanwhile; repeat`);
        return [{ ...documentOf(token), value }, ...plan()];
      },
    };
    return { name: token, record: value, change: await this.#write(token, "user", undefined, also, () => undefined), warnings: [] };
  }

  /** The user PIN, by the security officer. @throws {HsmError} INVALID_REQUEST for a PIN or a caller without a security officer's */
  async initializePin(by: Principal, pin: Uint8Array, argon2: Argon2): Promise<Changed> {
    const { token, record } = this.#ownAsOfficer(by);
    return this.#setPin(token, record, "user", pin, argon2, () => undefined);
  }

  /** One's own. @throws {HsmError} UNAUTHENTICATED when the old one is wrong; INVALID_REQUEST for the new one */
  async changePin(by: Principal, old: Uint8Array, pin: Uint8Array, argon2: Argon2): Promise<Changed> {
    const { token, role, record } = this.own(by);
    const asConfirmed = this.#pin(token, role);
    await this.confirm(token, role, old, argon2);
    return this.#setPin(token, record, role, pin, argon2, (now) => {
      if (now.generation !== asConfirmed.generation) throw new HsmError("OBJECT_CHANGED", `token ${token} was changed meanwhile; repeat`);
    });
  }

  #ownAsOfficer(by: Principal): { readonly token: string; readonly record: TokenRecord } {
    const { token, role, record } = this.own(by);
    if (role !== "so") throw new HsmError("INVALID_REQUEST", "this is for the security officer of a token");
    return { token, record };
  }

  async #setPin(
    token: string,
    record: TokenRecord,
    role: PinRole,
    pin: Uint8Array,
    argon2: Argon2,
    check: (now: TokenPinRecord) => void,
  ): Promise<Changed> {
    const warnings = this.#requirePins(token, [pin]);
    const kept = await hashPassword(pin, argon2);
    try {
      const also = this.#options.lockouts.forgiving(lockoutName(pinSubject(token, role).name));
      return { name: token, record, change: await this.#write(token, role, kept, also, check), warnings };
    } finally {
      wipe(kept);
    }
  }

  /** @param kept undefined = there is none any more */
  #write(
    token: string,
    role: PinRole,
    kept: Buffer | undefined,
    also: { readonly about: readonly DocumentName[]; plan(): readonly DocumentWrite[] },
    check: (now: TokenPinRecord) => void,
  ): Promise<Change> {
    return this.#options.sessions.changeSubject<TokenPinRecord>(
      pinSubject(token, role),
      (now) => {
        check(now);
        return { ...now, isSet: kept !== undefined, changedAt: this.#options.now(), generation: now.generation + 1 };
      },
      also,
      kept ?? new Uint8Array(),
    );
  }

  async #matches(subject: LocalSubject, known: TokenPinRecord | undefined, pin: Uint8Array, argon2: Argon2): Promise<boolean> {
    const { documents, lockouts } = this.#options;
    const kept = known === undefined ? await lockouts.noSecrets(subject.name) : await documents.material("token-pin", subject.name);
    try {
      return await passwordMatches(pin, kept, argon2);
    } finally {
      wipe(kept);
    }
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND */
  #pin(token: string, role: PinRole): TokenPinRecord {
    const found = this.#pinOrNone(token, role);
    if (found === undefined) throw nobodyCalled(pinSubject(token, role));
    return found;
  }

  #pinOrNone(token: string, role: PinRole): TokenPinRecord | undefined {
    return this.#options.documents.get<TokenPinRecord>("token-pin", `${token}.${role}`)?.value;
  }

  /** @returns warnings @throws {HsmError} INVALID_REQUEST */
  #requirePins(token: string, pins: readonly Uint8Array[]): string[] {
    const { pins: rules, warn } = this.#options;
    for (const pin of pins) requireStrength(pin, { minLength: rules.minLength, strong: false }, "PIN");
    if (rules.minLength >= USUAL_PIN_CHARACTERS || pins.every((pin) => pin.length >= USUAL_PIN_CHARACTERS)) return [];
    const warning = `a PIN of fewer than ${USUAL_PIN_CHARACTERS} characters is accepted in development alone`;
    warn(warning, token);
    return [warning];
  }
}

const pinDocument = (token: string, role: PinRole): DocumentName => ({ kind: "token-pin", id: `${token}.${role}` });

/** @throws {HsmError} INVALID_REQUEST for one that CK_TOKEN_INFO has no room for */
function requireLabel(label: string): void {
  if (Buffer.byteLength(label) > MOST_LABEL_BYTES)
    throw new HsmError("INVALID_REQUEST", `a token's label has at most ${MOST_LABEL_BYTES} bytes`);
}

interface Also {
  readonly about: readonly DocumentName[];
  plan(): readonly DocumentWrite[];
}

/** Several of them as one; a document that two of them write is written once. */
const joined = (parts: readonly Also[]): Also => ({
  about: parts.flatMap(({ about }) => about),
  plan: () => [...new Map(parts.flatMap(({ plan }) => plan()).map((write) => [`${write.kind}/${write.id}`, write])).values()],
});
