/**
 * Sessions: begun by a login, refreshed by one-time tokens, over after an hour or at once when somebody says so.
 *
 * Long, because what begins, carries on and ends a session looks at the same few maps, and each must see what the others did.
 *
 * Each is a document, so that a restart ends none and revives none. A session speaks for its user as the vault knows that
 * user now: a role taken away is gone with the next request, and a disabled user has no session. What ends a session ends
 * it in memory before it is durable, and the monitor asks again before it records a success: once a revocation has been
 * answered, nothing of the session succeeds. Nothing here decides who may begin one.
 *
 * @see RFC 6749 §1.5, RFC 9700 §4.14 (rotation of refresh tokens), RFC 8705 (binding to certificates)
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { Permission } from "@keystead/contract/permissions";
import type { Change } from "../objects/change.ts";
import type { DocumentName, Documents, DocumentWrite } from "../objects/documents.ts";
import { findRole, permissionsOf } from "../authorize/roles.ts";
import { rightsOf } from "../authorize/token-rights.ts";
import { signAccessToken, verifyAccessToken } from "./access-token.ts";
import { notAuthenticated } from "./not-authenticated.ts";
import { nameAndSecret, Pending, unguessable } from "./pending.ts";
import type { Principal } from "./principal.ts";
import type { Federated } from "./federated.ts";
import {
  isLocal,
  mayKnowOf,
  methodOf,
  nobodyCalled,
  principalId,
  subjectOf,
  type LocalSubject,
  type ServiceAccountRecord,
  type Subject,
  type SubjectRecord,
  type TokenPinRecord,
  type UserRecord,
} from "./subjects.ts";
import type { TokenKeys } from "./token-keys.ts";
import { requireNoMoreThan, type Reach } from "./within-reach.ts";

/** What there is a document of. */
type LocalRecord = UserRecord | ServiceAccountRecord | TokenPinRecord;

/** What was seen of the other end of a connection. */
export interface Peer {
  readonly address: string;
  /** SHA-256 of the client certificate of the handshake, base64url (RFC 8705 §3.1); empty without one. */
  readonly thumbprint: string;
}

export interface SessionRecord extends Subject {
  /** Whose word is behind it, for who came from an identity provider. */
  readonly federated?: Federated;
  readonly generation: number;
  /** Where it was begun. */
  readonly address: string;
  readonly addressBound: boolean;
  readonly thumbprint: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly refreshedAt: number;
  readonly mfaAt: number | null;
  /** SHA-256 of the refresh token that is good, base64url. */
  readonly refresh: string;
  /** Of those that were, the newest last: one of them shown again means that two have them. */
  readonly used: readonly string[];
}

export interface SessionRules {
  readonly sessionMs: number;
  readonly accessTokenMs: number;
  /** Most sessions at once of those that name a namespace; undefined = no limit. */
  readonly namespaceLimit: (namespace: string) => number | undefined;
  /** Most at once of a principal whose record has no limit of its own; 4096 without it. */
  readonly mostEach?: number;
  /** Whether the policy gives a principal more than another holds; never without it. */
  readonly givesMore?: (to: Pick<Principal, "id" | "vouched">, than: Principal) => boolean;
  /** Whether the policy names a principal by its id; never without it. */
  readonly named?: (id: string) => boolean;
  /** What the configuration gives to who came from an identity provider; undefined = nothing, now. */
  readonly given?: (federated: Federated) => Reach | undefined;
}

export interface Tokens {
  readonly accessToken: string;
  readonly accessExpiresAt: number;
  readonly refreshToken: string;
  readonly sessionId: string;
  readonly sessionExpiresAt: number;
  readonly mustChangePassword: boolean;
}

export interface Beginning {
  readonly subject: Subject;
  /** What the subject's was when it proved itself: a password changed since then is not the one that was shown. */
  readonly generation: number;
  readonly peer: Peer;
  readonly bindAddress: boolean;
  readonly mfaAt: number | null;
  readonly federated?: Federated;
  /** What else becomes true with it, planned under the subject's lock. */
  readonly also?: { readonly about: readonly DocumentName[]; plan(): readonly DocumentWrite[] };
}

/** All that are kept at once, over or not. */
const MOST_SESSIONS = 65_536;
const MOST_SESSIONS_EACH = 4096;
/** Sessions that are over and are removed with each that begins. */
const SWEPT_AT_ONCE = 8;
/** How long a token for one request is good, and how many are at once. */
const ONCE = Object.freeze({ lifeMs: 60_000, entries: 16_384, perOwner: 64 });
/** Refresh tokens that were used and are remembered. */
const USED_REMEMBERED = 128;
const SELF: ReadonlySet<Permission> = new Set(["identity:self"]);

const nobodysSession = (): HsmError => new HsmError("OBJECT_NOT_FOUND", "there is no such session");

const digestOf = (secret: string): string => createHash("sha256").update(secret).digest("base64url");
const same = (a: string, b: string): boolean => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

export class Sessions {
  readonly #documents: Documents;
  readonly #keys: TokenKeys;
  readonly #issuer: string;
  readonly #rules: SessionRules;
  readonly #now: () => number;
  /** Sessions by principal, those that are over too until they are swept. */
  readonly #ofPrincipal = new Map<string, Set<string>>();
  /** Over from now on, whether that is durable yet or not. */
  readonly #ended = new Set<string>();
  /** Generations below this are over from now on, by principal, for the same reason. */
  readonly #cut = new Map<string, number>();
  /** Begun and not durable yet: they count. */
  readonly #beginning = new Map<string, SessionRecord>();
  /** Tokens for one request, each of the session that it was given in. */
  readonly #once: Pending<{ readonly sessionId: string }>;
  /** What the configuration gives to each session of an identity provider, which is the same for as long as this process lives. */
  readonly #given = new WeakMap<SessionRecord, SubjectRecord | "nothing">();

  /** @param issuer names this vault, and no other */
  constructor(documents: Documents, keys: TokenKeys, issuer: string, rules: SessionRules, now: () => number) {
    this.#documents = documents;
    this.#keys = keys;
    this.#issuer = issuer;
    this.#rules = rules;
    this.#now = now;
    this.#once = new Pending(ONCE, now);
    for (const { id, value } of documents.list<SessionRecord>("session")) this.#index(id, value);
    documents.watch("session", (id, document) => {
      if (document !== undefined) this.#index(id, document.value as SessionRecord);
      else this.#forget(id);
    });
  }

  get issuer(): string {
    return this.#issuer;
  }

  /** The user, service account or PIN behind a subject, or undefined. */
  record(subject: LocalSubject): LocalRecord | undefined {
    return this.#documents.get<LocalRecord>(subject.kind, subject.name)?.value;
  }

  /**
   * Begins a session.
   *
   * @throws {HsmError} UNAUTHENTICATED when the subject is gone, disabled or of another generation by now;
   *   QUOTA_EXCEEDED for one session too many
   */
  async begin(beginning: Beginning): Promise<{ readonly tokens: Tokens; readonly change: Change }> {
    const { subject, peer, also } = beginning;
    const now = this.#now();
    const id = unguessable();
    const secret = unguessable();
    const record: SessionRecord = {
      kind: subject.kind,
      name: subject.name,
      generation: beginning.generation,
      address: peer.address,
      addressBound: beginning.bindAddress,
      thumbprint: peer.thumbprint === "" ? null : peer.thumbprint,
      createdAt: now,
      expiresAt: now + this.#rules.sessionMs,
      refreshedAt: now,
      mfaAt: beginning.mfaAt,
      refresh: digestOf(secret),
      used: [],
      ...(beginning.federated === undefined ? {} : { federated: beginning.federated }),
    };
    // Signed before anything is locked: the key may have to be made first.
    const tokens = await this.#tokens(id, record, secret);
    const over = this.#documents
      .list<SessionRecord>("session")
      // What ended by its time is told of before it goes.
      .filter((other) => this.#now() < other.value.expiresAt && !this.#lives(other.id))
      .slice(0, SWEPT_AT_ONCE);
    const session = (each: string): DocumentName => ({ kind: "session", id: each });
    const whose: DocumentName[] = isLocal(subject) ? [{ kind: subject.kind, id: subject.name }] : [];
    const about: DocumentName[] = [session(id), ...over.map((each) => session(each.id)), ...whose];
    const settled = (): boolean => this.#beginning.delete(id);
    const preparing = this.#documents.change([...about, ...(also?.about ?? [])], () => {
      const known = this.#behind(record);
      if (known === undefined || known.disabled || known.generation !== beginning.generation) throw notAuthenticated();
      const more = also?.plan() ?? [];
      this.#requireRoom(record, known);
      this.#beginning.set(id, record);
      return [{ ...session(id), value: record }, ...over.map((each) => ({ ...session(each.id), value: undefined })), ...more];
    });
    return { tokens, change: await settling(preparing, settled) };
  }

  /**
   * The next tokens of a session. A refresh token that was used before ends its session: two have it, and one of them stole
   * it.
   *
   * @throws {HsmError} UNAUTHENTICATED
   */
  async refresh(
    refreshToken: string,
    peer: Peer,
  ): Promise<{ readonly tokens: Tokens; readonly change: Change; readonly subject: Subject }> {
    const [id, given] = nameAndSecret(refreshToken);
    const before = this.#documents.get<SessionRecord>("session", id)?.value;
    if (before === undefined || !this.#lives(id) || !this.#fromHere(before, peer)) throw notAuthenticated();
    const digest = digestOf(given);
    const secret = unguessable();
    const refreshedAt = this.#now();
    const tokens = await this.#tokens(id, before, secret);
    let reused = false;
    try {
      const change = await this.#documents.change([{ kind: "session", id }], () => {
        const record = this.#documents.get<SessionRecord>("session", id)?.value;
        if (record === undefined || !this.#lives(id)) throw notAuthenticated();
        if (!same(digest, record.refresh)) {
          reused = record.used.includes(digest);
          throw notAuthenticated();
        }
        const used = [...record.used, record.refresh].slice(-USED_REMEMBERED);
        return [{ kind: "session", id, value: { ...record, refresh: digestOf(secret), used, refreshedAt } satisfies SessionRecord }];
      });
      return { tokens, change, subject: { kind: before.kind, name: before.name } };
    } catch (error) {
      if (reused) {
        this.#ended.add(id);
        await this.#documents.record("EndReusedSession", [{ kind: "session", id }], () => [{ kind: "session", id, value: undefined }]);
      }
      throw error;
    }
  }

  /**
   * Removes the sessions whose time is over, each with an event of its own that says whose it was.
   *
   * @param wanted asked before each
   * @returns how many
   * @throws {HsmError} AUDIT_UNAVAILABLE
   */
  async endExpired(wanted: () => boolean): Promise<number> {
    const expired = this.#documents.list<SessionRecord>("session").filter(({ value }) => this.#now() >= value.expiresAt);
    let ended = 0;
    for (const { id, value } of expired) {
      if (!wanted()) return ended;
      // What was ended otherwise meanwhile makes no event.
      await this.#documents.record(
        "EndExpiredSession",
        [{ kind: "session", id }],
        () => [{ kind: "session", id, value: undefined }],
        principalId(value),
      );
      ended += 1;
    }
    return ended;
  }

  /** The principal behind an access token shown by this peer, or undefined. */
  async principalOf(token: string, peer: Peer): Promise<Principal | undefined> {
    const verified = await verifyAccessToken(token, this.#issuer, this.#keys, this.#now());
    // From here on nothing waits: what is looked at is what holds.
    if (verified === undefined) return undefined;
    const { sessionId: named, expiresAt } = verified;
    const once = this.#once.peek(named);
    const id = once?.sessionId ?? named;
    const record = this.#documents.get<SessionRecord>("session", id)?.value;
    if (record === undefined || !this.#lives(id) || principalId(record) !== verified.principal) return undefined;
    if (!this.#fromHere(record, peer)) return undefined;
    const behind = this.#behind(record);
    if (behind === undefined) return undefined;
    return Object.freeze<Principal>({
      ...principalFrom(record, behind),
      ...vouchedFor(record),
      validUntil: Math.min(expiresAt, record.expiresAt),
      ...(record.mfaAt === null ? {} : { mfaAt: record.mfaAt }),
      session: Object.freeze({
        id,
        ended: () => !this.#lives(id),
        current: () => this.#behind(record) === behind,
        ...(record.addressBound ? { address: record.address } : {}),
        ...(once === undefined ? {} : { once: () => this.#once.take(named) !== undefined }),
      }),
    });
  }

  /**
   * A token for one request of the principal's session: whoever has this session has just proven once more who they are.
   * What it proves does not outlive this process, nor the session.
   *
   * @throws {HsmError} UNAUTHENTICATED for a principal without a session, or whose session is over
   */
  async reauthenticated(principal: Principal): Promise<{ readonly accessToken: string; readonly expiresAt: number }> {
    const sessionId = principal.session?.id ?? "";
    const record = this.#documents.get<SessionRecord>("session", sessionId)?.value;
    if (record === undefined || !this.#lives(sessionId)) throw notAuthenticated();
    const { id, expiresAt } = this.#once.add(principalId(record), { sessionId });
    const claims = {
      issuer: this.#issuer,
      principal: principalId(record),
      sessionId: id,
      roles: [...principal.roles],
      thumbprint: record.thumbprint,
      issuedAt: this.#now(),
      expiresAt,
    };
    return { accessToken: await signAccessToken(claims, this.#keys), expiresAt };
  }

  /** What a user, service account or PIN is now, without a session; undefined when they are gone or disabled. */
  principalNow(id: string): Principal | undefined {
    const subject = subjectOf(id);
    const record = subject === undefined || !isLocal(subject) ? undefined : this.record(subject);
    if (subject === undefined || record === undefined || record.disabled) return undefined;
    return Object.freeze<Principal>({ ...principalFrom(subject, record), validUntil: Number.MAX_SAFE_INTEGER });
  }

  /**
   * For whatever somebody does to a user, a service account or their sessions: nobody becomes more by becoming somebody else,
   * and nobody shuts out somebody who is more.
   *
   * @param has what the subject has, by its record, before and after
   * @throws {HsmError} PERMISSION_DENIED when the record or the policy gives the subject more than the principal holds
   */
  requireWithin(by: Principal, subject: Subject & Pick<SessionRecord, "federated">, has: Reach): void {
    requireNoMoreThan(by, has);
    if (this.#rules.givesMore?.({ id: principalId(subject), ...vouchedFor(subject) }, by) === true)
      throw new HsmError("PERMISSION_DENIED", "the policy gives them more than the caller has; nobody takes that over or away");
  }

  /** @throws {HsmError} OBJECT_NOT_FOUND as for a name that nobody has, where the caller may not know of the subject */
  requireKnown(by: Principal, subject: Subject, has: Reach): void {
    if (!this.#knows(by, subject, has)) throw nobodyCalled(subject);
  }

  /** Those that live, of one principal or of all, as far as the caller may know of them. */
  listFor(by: Principal, principal?: string): readonly { readonly id: string; readonly record: SessionRecord }[] {
    return this.list(principal).filter(({ record }) => this.#knows(by, record, this.#behind(record)));
  }

  /** Those that live, of one principal or of all. */
  list(principal?: string): readonly { readonly id: string; readonly record: SessionRecord }[] {
    const ids =
      principal === undefined ? [...this.#ofPrincipal.values()].flatMap((each) => [...each]) : (this.#ofPrincipal.get(principal) ?? []);
    return [...ids].flatMap((id) => {
      const record = this.#documents.get<SessionRecord>("session", id)?.value;
      return record === undefined || !this.#lives(id) ? [] : [{ id, record }];
    });
  }

  /** How many live, by each namespace that their subjects name; `*` are those that reach all. */
  census(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { record } of this.list()) {
      const named = this.#behind(record)?.namespaces ?? [];
      for (const name of named.includes("*") ? ["*"] : new Set(named)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  }

  /** How many live of subjects that name the namespace. */
  inNamespace(namespace: string): number {
    return this.list().filter(({ record }) => this.#behind(record)?.namespaces.includes(namespace) === true).length;
  }

  /**
   * Ends one, at once.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND when the principal has no such session; PERMISSION_DENIED
   */
  async end(by: Principal, principal: string, id: string): Promise<Change> {
    const record = this.#documents.get<SessionRecord>("session", id)?.value;
    if (record === undefined || !this.#lives(id) || principalId(record) !== principal || !this.#knows(by, record, this.#behind(record)))
      throw nobodysSession();
    this.#requireOver(by, record, this.#behind(record));
    const preparing = this.#documents.change([{ kind: "session", id }], () => {
      this.#ended.add(id);
      return [{ kind: "session", id, value: undefined }];
    });
    // What could not be made durable is not over after all, and whoever asked is told so.
    return settling(preparing, () => this.#ended.delete(id));
  }

  /**
   * Ends all of a principal, at once.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND when there is no such user or service account; PERMISSION_DENIED
   */
  async endAll(by: Principal, principal: string): Promise<{ readonly ended: number; readonly change: Change }> {
    const subject = subjectOf(principal);
    if (subject !== undefined && !isLocal(subject)) return this.#endEach(by, subject);
    const known = subject === undefined ? undefined : this.record(subject);
    if (subject === undefined || known === undefined || !this.#knows(by, subject, known))
      throw new HsmError("OBJECT_NOT_FOUND", "there is no such user or service account");
    let ended = 0;
    const change = await this.changeSubject(subject, (record) => {
      this.#requireOver(by, subject, record);
      ended = this.list(principal).length;
      return { ...record, generation: record.generation + 1 };
    });
    return { ended, change };
  }

  /**
   * Changes a user or service account. When the generation is another afterwards, every session of before is over at once.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND; what the plan throws
   */
  async changeSubject<R extends LocalRecord>(
    subject: LocalSubject,
    plan: (record: R) => R | undefined,
    also: { readonly about: readonly DocumentName[]; plan(): readonly DocumentWrite[] } = { about: [], plan: () => [] },
    material?: Uint8Array,
  ): Promise<Change> {
    const principal = principalId(subject);
    const about: DocumentName = { kind: subject.kind, id: subject.name };
    const preparing = this.#documents.change([about, ...also.about], () => {
      const record = this.record(subject) as R | undefined;
      if (record === undefined) throw nobodyCalled(subject);
      const next = plan(record);
      if (next === undefined || next.generation !== record.generation) this.#cut.set(principal, record.generation);
      return [{ ...about, value: next, ...(material === undefined ? {} : { material }) }, ...also.plan()];
    });
    // Once durable, the generation itself tells; until then, and only until then, this does.
    return settling(preparing, () => this.#cut.delete(principal));
  }

  /** The user or account behind a session as it is now, or what the configuration gives to whom a provider vouched for. */
  #behind(record: SessionRecord): SubjectRecord | undefined {
    if (isLocal(record)) return this.record(record);
    let given = this.#given.get(record);
    if (given === undefined) {
      const reach = record.federated === undefined ? undefined : this.#rules.given?.(record.federated);
      const { generation, createdAt } = record;
      given = reach === undefined ? "nothing" : { ...reach, disabled: false, maxSessions: 0, generation, createdAt };
      this.#given.set(record, given);
    }
    return given === "nothing" ? undefined : given;
  }

  /** Ends all sessions of somebody of whom there is nothing else. */
  async #endEach(by: Principal, subject: Subject): Promise<{ readonly ended: number; readonly change: Change }> {
    const sessions = this.list(principalId(subject));
    if (sessions.some(({ record }) => !this.#knows(by, record, this.#behind(record)))) throw nobodysSession();
    if (sessions.length === 0) throw nobodysSession();
    for (const { record } of sessions) this.#requireOver(by, record, this.#behind(record));
    const names = sessions.map(({ id }): DocumentName => ({ kind: "session", id }));
    const preparing = this.#documents.change(names, () => {
      for (const { id } of names) this.#ended.add(id);
      return names.map((name) => ({ ...name, value: undefined }));
    });
    const change = await settling(preparing, () => {
      for (const { id } of names) this.#ended.delete(id);
    });
    return { ended: names.length, change };
  }

  /** One's own sessions are one's own; those of others are for whoever may act on them. */
  #requireOver(by: Principal, subject: Subject & Pick<SessionRecord, "federated">, record: Reach | undefined): void {
    if (by.id !== principalId(subject) && record !== undefined) this.requireWithin(by, subject, record);
  }

  /** Everybody may know of themselves, and nobody of what there is not. */
  #knows(by: Principal, subject: Subject, record: Reach | undefined): boolean {
    return by.id === principalId(subject) || (record !== undefined && mayKnowOf(by, record));
  }

  #lives(id: string): boolean {
    const record = this.#documents.get<SessionRecord>("session", id)?.value;
    if (record === undefined || this.#ended.has(id) || this.#now() >= record.expiresAt) return false;
    const subject = this.#behind(record);
    if (subject === undefined || subject.disabled || subject.generation !== record.generation) return false;
    return this.#cut.get(principalId(record)) !== record.generation;
  }

  /** Whether a session may be used by this peer: its own certificate, its own address. */
  #fromHere(record: SessionRecord, peer: Peer): boolean {
    if (record.addressBound && record.address !== peer.address) return false;
    return record.thumbprint === null || same(record.thumbprint, peer.thumbprint);
  }

  async #tokens(id: string, record: SessionRecord, secret: string): Promise<Tokens> {
    const now = this.#now();
    const accessExpiresAt = Math.min(now + this.#rules.accessTokenMs, record.expiresAt);
    const subject = this.#behind(record);
    const mustChangePassword = subject !== undefined && "mustChangePassword" in subject && subject.mustChangePassword === true;
    const accessToken = await signAccessToken(
      {
        issuer: this.#issuer,
        principal: principalId(record),
        sessionId: id,
        roles: mustChangePassword ? [] : (subject?.roles ?? []),
        thumbprint: record.thumbprint,
        issuedAt: now,
        expiresAt: accessExpiresAt,
      },
      this.#keys,
    );
    return {
      accessToken,
      accessExpiresAt,
      refreshToken: `${id}.${secret}`,
      sessionId: id,
      sessionExpiresAt: record.expiresAt,
      mustChangePassword,
    };
  }

  /** @throws {HsmError} QUOTA_EXCEEDED */
  #requireRoom(session: SessionRecord, record: SubjectRecord): void {
    const principal = principalId(session);
    const begun = [...this.#beginning.values()];
    if (this.#documents.count("session") + begun.length >= MOST_SESSIONS)
      throw new HsmError("QUOTA_EXCEEDED", "too many sessions are open");
    const own = this.list(principal).length + begun.filter((other) => principalId(other) === principal).length;
    // Without a limit of its own nobody takes everybody else's room either.
    const most = record.maxSessions || (this.#rules.mostEach ?? MOST_SESSIONS_EACH);
    if (own >= most) throw new HsmError("QUOTA_EXCEEDED", `${most} sessions are open, which is as many as there may be`);
    for (const namespace of new Set(record.namespaces)) {
      const limit = this.#rules.namespaceLimit(namespace);
      if (limit === undefined) continue;
      const names = (other: SessionRecord): boolean => this.#behind(other)?.namespaces.includes(namespace) === true;
      if (this.inNamespace(namespace) + begun.filter(names).length >= limit)
        throw new HsmError("QUOTA_EXCEEDED", `${limit} sessions are open in namespace ${namespace}, which is as many as there may be`);
    }
  }

  #index(id: string, record: SessionRecord): void {
    const principal = principalId(record);
    const known = this.#ofPrincipal.get(principal);
    if (known === undefined) this.#ofPrincipal.set(principal, new Set([id]));
    else known.add(id);
  }

  #forget(id: string): void {
    this.#ended.delete(id);
    for (const [principal, ids] of this.#ofPrincipal) if (ids.delete(id) && ids.size === 0) this.#ofPrincipal.delete(principal);
  }
}

/** What the provider said of them, as bearers of its tokens have it. */
const vouchedFor = ({ federated }: Pick<SessionRecord, "federated">): Pick<Principal, "vouched"> =>
  federated === undefined ? {} : { vouched: { scheme: "oidc", ...federated } };

/** Who a user or service account is to the rest of the vault. */
function principalFrom(subject: Subject, record: SubjectRecord): Omit<Principal, "validUntil"> {
  const onlySelf = "mustChangePassword" in record && record.mustChangePassword === true;
  const token = "pin" in record ? (record as TokenPinRecord) : undefined;
  const roles = onlySelf ? [] : record.roles.flatMap((role) => findRole(role) ?? []);
  const reach = record.namespaces.includes("*") ? ("all" as const) : new Set(record.namespaces);
  return {
    id: principalId(subject),
    method: methodOf(subject),
    roles,
    permissions: new Set([...permissionsOf(roles), ...(token === undefined ? [] : rightsOf(token.pin)), ...SELF]),
    namespaces: onlySelf ? new Set<string>() : reach,
    defaultNamespace: reach === "all" || reach.has("default") ? "default" : ([...reach][0] ?? "default"),
    ...(token === undefined ? {} : { view: token.view, officer: token.pin === "so" }),
    ...("person" in record ? { person: record.person as string } : {}),
    ...(onlySelf ? { onlySelf } : {}),
  };
}

/** The same change, with something to do once it is settled either way, or could not be prepared. */
async function settling(preparing: Promise<Change>, then: () => void): Promise<Change> {
  let change: Change;
  try {
    change = await preparing;
  } catch (error) {
    then();
    throw error;
  }
  return {
    ...change,
    settle(durable) {
      change.settle(durable);
      then();
    },
  };
}
