/**
 * Service accounts: programs that log in by role id and secret id, and get sessions as short as everybody's.
 *
 * A secret id is random and long, so a digest of it is kept and no lockout is needed; it expires, may be good for so many
 * logins and from such addresses alone. Nobody gives more than they have, and one answer is given to everything wrong.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import { fillRandom } from "@keystead/crypto/random";
import { addressRule, admits } from "../address-rule.ts";
import type { Change } from "../objects/change.ts";
import type { Document, Documents } from "../objects/documents.ts";
import type { LoggedIn } from "./logins.ts";
import { notAuthenticated } from "./not-authenticated.ts";
import { nameAndSecret, unguessable } from "./pending.ts";
import type { Principal } from "./principal.ts";
import type { RetiredNames } from "./retired-names.ts";
import type { Peer, Sessions } from "./sessions.ts";
import type { LocalSubject, SecretIdRecord, ServiceAccountRecord } from "./subjects.ts";
import { canonicalRoles, newGeneration } from "./users.ts";

export interface NewServiceAccount {
  readonly name: string;
  readonly description: string;
  readonly roles: readonly string[];
  readonly namespaces: readonly string[];
  readonly maxSessions: number;
}

export interface NewSecretId {
  /** 0 = 30 days. */
  readonly ttlSeconds: number;
  /** 0 = no limit. */
  readonly maxUses: number;
  readonly addresses: readonly string[];
}

const MOST_ACCOUNTS = 10_000;
const MOST_SECRET_IDS = 64;
const DEFAULT_TTL_SECONDS = 30 * 86_400;

const digestOf = (secret: string): Buffer => createHash("sha256").update(secret).digest();

export class ServiceAccounts {
  readonly #documents: Documents;
  readonly #sessions: Sessions;
  readonly #retired: RetiredNames;
  readonly #now: () => number;

  constructor(documents: Documents, sessions: Sessions, retired: RetiredNames, now: () => number) {
    this.#documents = documents;
    this.#sessions = sessions;
    this.#retired = retired;
    this.#now = now;
  }

  list(): Document<ServiceAccountRecord>[] {
    return this.#documents.list<ServiceAccountRecord>("service-account").sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** @throws {HsmError} OBJECT_EXISTS; INVALID_REQUEST for a role; PERMISSION_DENIED; QUOTA_EXCEEDED */
  async create(by: Principal, account: NewServiceAccount): Promise<{ readonly record: ServiceAccountRecord; readonly change: Change }> {
    const roles = canonicalRoles(account.roles);
    this.#sessions.requireWithin(by, subject(account.name), { roles, namespaces: account.namespaces });
    const record: ServiceAccountRecord = {
      description: account.description,
      roles,
      namespaces: [...new Set(account.namespaces)],
      disabled: false,
      maxSessions: account.maxSessions,
      generation: newGeneration(),
      createdAt: this.#now(),
      secretIds: {},
    };
    const name = { kind: "service-account" as const, id: account.name };
    const taking = this.#retired.taking(subject(account.name));
    const change = await this.#documents.change([name, ...taking.about], () => {
      if (this.#find(account.name) !== undefined) throw new HsmError("OBJECT_EXISTS", `there is a service account ${account.name} already`);
      if (this.#documents.count("service-account") >= MOST_ACCOUNTS)
        throw new HsmError("QUOTA_EXCEEDED", "there are as many service accounts as there may be");
      return [{ ...name, value: record }, ...taking.plan()];
    });
    return { record, change };
  }

  /** With every session it has. @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED */
  remove(by: Principal, name: string): Promise<Change> {
    return this.#sessions.changeSubject<ServiceAccountRecord>(
      subject(name),
      (before) => {
        this.#sessions.requireKnown(by, subject(name), before);
        this.#sessions.requireWithin(by, subject(name), before);
        return undefined;
      },
      this.#retired.retiring(by, subject(name)),
    );
  }

  /** A new secret id, shown this once. @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED; QUOTA_EXCEEDED; INVALID_REQUEST */
  async createSecretId(
    by: Principal,
    name: string,
    asked: NewSecretId,
  ): Promise<{ readonly secretId: string; readonly accessor: string; readonly record: SecretIdRecord; readonly change: Change }> {
    const accessor = fillRandom(Buffer.alloc(12)).toString("hex");
    const secret = unguessable();
    const now = this.#now();
    checkAddresses(asked.addresses);
    const record: SecretIdRecord = {
      digest: digestOf(secret).toString("base64url"),
      createdAt: now,
      expiresAt: now + (asked.ttlSeconds || DEFAULT_TTL_SECONDS) * 1000,
      usesLeft: asked.maxUses === 0 ? null : asked.maxUses,
      addresses: asked.addresses,
    };
    const change = await this.#sessions.changeSubject<ServiceAccountRecord>(subject(name), (before) => {
      this.#sessions.requireKnown(by, subject(name), before);
      this.#sessions.requireWithin(by, subject(name), before);
      const good = Object.entries(before.secretIds).filter(([, { expiresAt }]) => expiresAt > now);
      if (good.length >= MOST_SECRET_IDS)
        throw new HsmError("QUOTA_EXCEEDED", `service account ${name} has ${MOST_SECRET_IDS} secret ids, which is as many as there may be`);
      return { ...before, secretIds: { ...Object.fromEntries(good), [accessor]: record } };
    });
    return { secretId: `${accessor}.${secret}`, accessor, record, change };
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND; PERMISSION_DENIED */
  async revokeSecretId(
    by: Principal,
    name: string,
    accessor: string,
  ): Promise<{ readonly record: ServiceAccountRecord; readonly change: Change }> {
    let record!: ServiceAccountRecord;
    const change = await this.#sessions.changeSubject<ServiceAccountRecord>(subject(name), (before) => {
      this.#sessions.requireKnown(by, subject(name), before);
      this.#sessions.requireWithin(by, subject(name), before);
      if (!Object.hasOwn(before.secretIds, accessor))
        throw new HsmError("OBJECT_NOT_FOUND", `service account ${name} has no secret id ${accessor}`);
      return (record = without(before, accessor));
    });
    return { record, change };
  }

  /** @throws {HsmError} UNAUTHENTICATED; QUOTA_EXCEEDED, to whoever has a good secret id */
  async login(name: string, secretId: string, bindAddress: boolean, peer: Peer): Promise<LoggedIn> {
    const [accessor, secret] = nameAndSecret(secretId);
    const known = this.#find(name);
    const shown = digestOf(secret);
    if (known === undefined || known.disabled || !this.#isGood(known, accessor, shown, peer)) throw notAuthenticated();
    const about = [{ kind: "service-account" as const, id: name }];
    const plan = (): { kind: "service-account"; id: string; value: ServiceAccountRecord }[] => {
      const current = this.#find(name);
      // Looked at again under the lock: two logins at once are not one use.
      if (current === undefined || !this.#isGood(current, accessor, shown, peer)) throw notAuthenticated();
      const entry = current.secretIds[accessor] as SecretIdRecord;
      if (entry.usesLeft === null) return [];
      const value =
        entry.usesLeft === 1
          ? without(current, accessor)
          : { ...current, secretIds: { ...current.secretIds, [accessor]: { ...entry, usesLeft: entry.usesLeft - 1 } } };
      return [{ kind: "service-account", id: name, value }];
    };
    const { generation } = known;
    const begun = await this.#sessions.begin({ subject: subject(name), generation, peer, bindAddress, mfaAt: null, also: { about, plan } });
    return { subject: subject(name), ...begun };
  }

  #find(name: string): ServiceAccountRecord | undefined {
    return this.#documents.get<ServiceAccountRecord>("service-account", name)?.value;
  }

  #isGood(account: ServiceAccountRecord, accessor: string, shown: Buffer, peer: Peer): boolean {
    const entry = Object.hasOwn(account.secretIds, accessor) ? account.secretIds[accessor] : undefined;
    if (entry === undefined || !timingSafeEqual(shown, Buffer.from(entry.digest, "base64url"))) return false;
    const rule = addressRule(entry.addresses, []);
    return this.#now() < entry.expiresAt && (rule === undefined || admits(rule, peer.address));
  }
}

const subject = (name: string): LocalSubject => ({ kind: "service-account", name });

const without = (account: ServiceAccountRecord, accessor: string): ServiceAccountRecord => ({
  ...account,
  secretIds: Object.fromEntries(Object.entries(account.secretIds).filter(([each]) => each !== accessor)),
});

/** @throws {HsmError} INVALID_REQUEST for what is no address or CIDR range */
function checkAddresses(addresses: readonly string[]): void {
  for (const address of addresses) {
    try {
      addressRule([address], []);
    } catch {
      throw new HsmError("INVALID_REQUEST", `${address} is no address and no CIDR range`);
    }
  }
}
