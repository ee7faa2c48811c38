/**
 * Local users: made, changed, removed, and their passwords set.
 *
 * Nobody gives more than they have: whoever makes a user, changes one or sets somebody's password holds every permission
 * that user has, in every namespace. A password that an administrator set is good for setting another and nothing else.
 */
import { HsmError } from "@keystead/contract/errors";
import { requireStrength, type StrengthRules } from "@keystead/crypto/password-strength";
import { fillRandom } from "@keystead/crypto/random";
import { wipe } from "@keystead/crypto/wipe";
import type { Change } from "../objects/change.ts";
import type { Document, Documents } from "../objects/documents.ts";
import { findRole } from "../authorize/roles.ts";
import { hashPassword, passwordMatches, type Argon2 } from "./password.ts";
import { notAuthenticated } from "./not-authenticated.ts";
import type { Principal } from "./principal.ts";
import type { Lockouts } from "./lockouts.ts";
import type { RetiredNames } from "./retired-names.ts";
import type { Sessions } from "./sessions.ts";
import { nobodyCalled, type UserRecord } from "./subjects.ts";
import { decodeUserSecrets, encodeUserSecrets, wipeUserSecrets, type UserSecrets } from "./user-secrets.ts";

export interface NewUser {
  readonly name: string;
  readonly displayName: string;
  readonly person: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  /** Empty = none yet. */
  readonly password: Uint8Array;
  readonly maxSessions: number;
}

export interface UserChanges {
  readonly displayName?: string | undefined;
  readonly person?: string | undefined;
  readonly addRoles: readonly string[];
  readonly removeRoles: readonly string[];
  readonly addNamespaces: readonly string[];
  readonly removeNamespaces: readonly string[];
  readonly disabled?: boolean | undefined;
  readonly maxSessions?: number | undefined;
}

export interface UsersOptions {
  readonly documents: Documents;
  readonly retired: RetiredNames;
  readonly sessions: Sessions;
  readonly lockouts: Lockouts;
  readonly strength: StrengthRules;
  readonly now: () => number;
}

/** Most users there are. */
const MOST_USERS = 10_000;

export const newGeneration = (): number => fillRandom(Buffer.alloc(6)).readUIntBE(0, 6);

/** Canonical names. @throws {HsmError} INVALID_REQUEST for a role there is not */
export function canonicalRoles(names: readonly string[]): string[] {
  const roles = names.map((name) => {
    const role = findRole(name);
    if (role === undefined) throw new HsmError("INVALID_REQUEST", `there is no role ${name}`);
    return role;
  });
  return [...new Set(roles)];
}

export class Users {
  readonly #options: UsersOptions;

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND */
  get(name: string): UserRecord {
    const found = this.find(name);
    if (found === undefined) throw nobodyCalled({ kind: "user", name });
    return found;
  }

  /** As {@link get}, for somebody who may know of them. @throws {HsmError} OBJECT_NOT_FOUND */
  getFor(by: Principal, name: string): UserRecord {
    const found = this.get(name);
    this.#options.sessions.requireKnown(by, { kind: "user", name }, found);
    return found;
  }

  find(name: string): UserRecord | undefined {
    return this.#options.documents.get<UserRecord>("user", name)?.value;
  }

  list(): Document<UserRecord>[] {
    return this.#options.documents.list<UserRecord>("user").sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** The caller wipes them by {@link wipeUserSecrets}. */
  async secrets(name: string): Promise<UserSecrets> {
    return decodeUserSecrets(await this.#options.documents.material("user", name));
  }

  /** @throws {HsmError} OBJECT_EXISTS; INVALID_REQUEST for a role or a password; PERMISSION_DENIED; QUOTA_EXCEEDED */
  async create(by: Principal, user: NewUser, argon2: Argon2): Promise<{ readonly record: UserRecord; readonly change: Change }> {
    const { documents, strength, now } = this.#options;
    const roles = canonicalRoles(user.roles);
    this.#options.sessions.requireWithin(by, { kind: "user", name: user.name }, { roles, namespaces: user.namespaces });
    const hasPassword = user.password.length > 0;
    if (hasPassword) requireStrength(user.password, strength, "password");
    const record: UserRecord = {
      displayName: user.displayName,
      person: user.person === "" ? user.name : user.person,
      roles,
      namespaces: [...new Set(user.namespaces)],
      disabled: false,
      maxSessions: user.maxSessions,
      generation: newGeneration(),
      createdAt: now(),
      handle: fillRandom(Buffer.alloc(16)).toString("base64url"),
      hasPassword,
      mustChangePassword: hasPassword,
      passwordChangedAt: hasPassword ? now() : 0,
      totp: null,
      webAuthn: {},
      recoveryCodes: [],
    };
    const password = hasPassword ? await hashPassword(user.password, argon2) : Buffer.alloc(0);
    const material = encodeUserSecrets({ password, totp: Buffer.alloc(0) });
    try {
      const taking = this.#options.retired.taking({ kind: "user", name: user.name });
      const change = await documents.change([{ kind: "user", id: user.name }, ...taking.about], () => {
        if (this.find(user.name) !== undefined) throw new HsmError("OBJECT_EXISTS", `there is a user ${user.name} already`);
        if (documents.count("user") >= MOST_USERS) throw new HsmError("QUOTA_EXCEEDED", "there are as many users as there may be");
        return [{ kind: "user", id: user.name, value: record, material }, ...taking.plan()];
      });
      return { record, change };
    } finally {
      wipe(password, material);
    }
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND; INVALID_REQUEST for a role; PERMISSION_DENIED */
  async update(by: Principal, name: string, changes: UserChanges): Promise<{ readonly record: UserRecord; readonly change: Change }> {
    let record!: UserRecord;
    const change = await this.#options.sessions.changeSubject<UserRecord>({ kind: "user", name }, (before) => {
      this.#options.sessions.requireKnown(by, { kind: "user", name }, before);
      const without = (list: readonly string[], more: readonly string[], less: readonly string[]): string[] =>
        [...new Set([...list, ...more])].filter((each) => !less.includes(each));
      const roles = without(before.roles, canonicalRoles(changes.addRoles), canonicalRoles(changes.removeRoles));
      const namespaces = without(before.namespaces, changes.addNamespaces, changes.removeNamespaces);
      const all = { roles: [...before.roles, ...roles], namespaces: [...before.namespaces, ...namespaces] };
      this.#options.sessions.requireWithin(by, { kind: "user", name }, all);
      const disabled = changes.disabled ?? before.disabled;
      record = {
        ...before,
        displayName: changes.displayName ?? before.displayName,
        person: (changes.person ?? before.person) || name,
        roles,
        namespaces,
        disabled,
        maxSessions: changes.maxSessions ?? before.maxSessions,
        // Who is let in again begins anew.
        generation: disabled === before.disabled ? before.generation : before.generation + 1,
      };
      return record;
    });
    return { record, change };
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED */
  async remove(by: Principal, name: string): Promise<Change> {
    const forgiving = this.#options.lockouts.forgiving(name);
    const retiring = this.#options.retired.retiring(by, { kind: "user", name });
    return this.#options.sessions.changeSubject<UserRecord>(
      { kind: "user", name },
      (before) => {
        this.#options.sessions.requireKnown(by, { kind: "user", name }, before);
        this.#options.sessions.requireWithin(by, { kind: "user", name }, before);
        return undefined;
      },
      { about: [...forgiving.about, ...retiring.about], plan: () => [...forgiving.plan(), ...retiring.plan()] },
    );
  }

  /** Somebody's password, by somebody else. @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED; INVALID_REQUEST too weak */
  async resetPassword(
    by: Principal,
    name: string,
    password: Uint8Array,
    argon2: Argon2,
  ): Promise<{ readonly record: UserRecord; readonly change: Change }> {
    return this.#setPassword(name, this.getFor(by, name), password, true, argon2, (before) => {
      this.#options.sessions.requireWithin(by, { kind: "user", name }, before);
    });
  }

  /** One's own. @throws {HsmError} UNAUTHENTICATED when the current one is wrong; INVALID_REQUEST too weak, or the same */
  async changePassword(
    name: string,
    current: Uint8Array,
    password: Uint8Array,
    argon2: Argon2,
  ): Promise<{ readonly record: UserRecord; readonly change: Change }> {
    const asConfirmed = this.get(name);
    await this.confirm(name, current, argon2);
    if (Buffer.from(current.buffer, current.byteOffset, current.byteLength).equals(password))
      throw new HsmError("INVALID_REQUEST", "the new password is the old one");
    return this.#setPassword(name, asConfirmed, password, false, argon2, () => undefined);
  }

  /** Returns when this is the user's password. A wrong one counts like a failed login. @throws {HsmError} UNAUTHENTICATED */
  async confirm(name: string, password: Uint8Array, argon2: Argon2): Promise<void> {
    const secrets = await this.secrets(name);
    try {
      const right = await passwordMatches(password, secrets.password, argon2);
      if (right && !this.#options.lockouts.isLocked(name)) return;
    } finally {
      wipeUserSecrets(secrets);
    }
    await this.#options.lockouts.failed(name, true);
    throw notAuthenticated();
  }

  /** Takes a lockout back. @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED */
  async unlock(by: Principal, name: string): Promise<{ readonly record: UserRecord; readonly change: Change }> {
    const record = this.getFor(by, name);
    this.#options.sessions.requireWithin(by, { kind: "user", name }, record);
    const { about, plan } = this.#options.lockouts.forgiving(name);
    return { record, change: await this.#options.documents.change(about, plan) };
  }

  async #setPassword(
    name: string,
    asRead: UserRecord,
    password: Uint8Array,
    mustChange: boolean,
    argon2: Argon2,
    check: (before: UserRecord) => void,
  ): Promise<{ readonly record: UserRecord; readonly change: Change }> {
    requireStrength(password, this.#options.strength, "password");
    const [kept, before] = [await hashPassword(password, argon2), await this.secrets(name)];
    const material = encodeUserSecrets({ password: kept, totp: before.totp });
    let record!: UserRecord;
    try {
      const change = await this.#options.sessions.changeSubject<UserRecord>(
        { kind: "user", name },
        (now) => {
          // The other secret was read before the user was locked: it must not be put back over a newer one. Nor may a password
          // that somebody reset meanwhile be set again by who knew the one before.
          if (now !== asRead) throw new HsmError("OBJECT_CHANGED", `user ${name} was changed meanwhile; repeat`);
          check(now);
          record = {
            ...now,
            hasPassword: true,
            mustChangePassword: mustChange,
            passwordChangedAt: this.#options.now(),
            generation: now.generation + 1,
          };
          return record;
        },
        this.#options.lockouts.forgiving(name),
        material,
      );
      return { record, change };
    } finally {
      wipe(kept, material);
      wipeUserSecrets(before);
    }
  }
}
