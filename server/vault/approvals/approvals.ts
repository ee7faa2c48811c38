/**
 * Dual control: holds back what others must agree to, and takes their verdicts.
 *
 * A request that a rule, the policy or a script demands approval for is kept whole, in the transaction of its event, and its
 * caller gets APPROVAL_REQUIRED with its id. Verdicts are signatures (verdicts.ts); each is a change of the one document,
 * under its lock, recorded with the event of the operation that brought it. The last approval makes the document `approved`,
 * and only performing.ts moves it on, through the monitor like everybody's requests.
 *
 * It must never perform a request itself, nor count what verdicts.ts has not judged.
 *
 * Long, because holding, deciding and taking back are the life of one document under one lock; its states, rules, verdicts,
 * texts and performance have files of their own.
 */
import { hash } from "node:crypto";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { mayNeedApproval } from "@keystead/contract/approval-scope";
import { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import {
  parseSubject,
  subjectText,
  type ApprovalSubject,
  type SubjectRule,
  type Verdict,
} from "@keystead/crypto/public/approval-statement";
import { fillRandom } from "@keystead/crypto/random";
import { uuidV7 } from "@keystead/crypto/uuid";
import { wipe } from "@keystead/crypto/wipe";
import type { EventApproval } from "../audit/event.ts";
import type { Principal } from "../authenticate/principal.ts";
import type { TagRule } from "../authorize/tag-gate.ts";
import type { ApprovalDemand, ApprovedRun, Asked, Held } from "../gate.ts";
import { joinChanges, type Change } from "../objects/change.ts";
import { fetched, isClosed, listingFrom, listingOf, withdrawn, withVerdict, type Approval, type StoredRequester } from "./approval.ts";
import { requireDemand, type ApprovalRules, type TagsOf } from "./approval-rules.ts";
import type { ApproverKeys, GivenSignature, RegisteredKey } from "./approver-keys.ts";
import { Performing, type PerformingOptions } from "./performing.ts";
import type { Persons } from "./persons.ts";
import { holdsSecret, messageBytes, readableRequest } from "./subject.ts";
import { enough, judged, meets } from "./verdicts.ts";

/** What the configuration says of dual control. */
export interface ControlParts {
  readonly rules: ApprovalRules;
  readonly override: SubjectRule | null;
  readonly persons: Persons;
  readonly keys: ApproverKeys;
}

export interface ApprovalsOptions extends PerformingOptions {
  /** Another after a changed configuration was accepted. */
  readonly inForce: () => ControlParts;
  readonly vaultId: string;
  readonly tagsOf: TagsOf;
  /** Roles a principal holds in a namespace (empty = about the server), coming from an address. */
  readonly rolesIn: (principal: Principal, namespace: string, address: string) => readonly string[];
  /** Version of the policy in force, for the record. */
  readonly policyVersion: () => string;
}

/** A verdict as a request brings it. */
export interface VerdictRequest extends GivenSignature {
  readonly approvalId: string;
  /** The namespace that the caller's rights were looked for in; empty = wherever. */
  readonly namespace: string;
  readonly approverKey: string;
  readonly reason: string;
}

/** Who asks, from where, and the namespaces in which this could not be asked by name: by policy, reach or address. */
export interface Caller {
  readonly principal: Principal;
  readonly address: string;
  readonly hidden: () => { has(namespace: string): boolean };
}

/** A document with its id. */
export interface KnownApproval {
  readonly id: string;
  readonly approval: Approval;
}

/** What a step gives the handler. */
export interface Step extends KnownApproval {
  readonly change: Change;
  /** For the audit event. */
  readonly evidence: EventApproval;
}

/** The server's own: making what the configuration names, and going on with a rekey that was agreed to. */
const EXEMPT: ReadonlySet<string> = new Set(["ceremony:configuration", "ceremony:rekey"]);
/** Requests that wait, over all and per requester: what waits is kept, and somebody has to read it. */
const MAX_PENDING = 10_000;
const MAX_PENDING_EACH = 100;
const MAX_MESSAGE_BYTES = 1_048_576;
/** Characters of the subjects of one requester's requests that wait: they are in memory. */
const MAX_SUBJECTS_EACH = 4_194_304;
/** Requests nobody has decided on that are over, per requester, and characters of their subjects; the log has the older ones. */
const MAX_TAKEN_BACK_EACH = 200;
const MAX_TAKEN_BACK_SUBJECTS = 1_048_576;
/** Of those, removed with each request that begins to wait. */
const SWEPT_AT_ONCE = 8;
const SALT_BYTES = 32;
const RETRY_SECONDS = 10;
const EMPTY = Buffer.alloc(0);

const named = (id: string) => ({ kind: "approval", id }) as const;
const denied = (why: string): HsmError => new HsmError("PERMISSION_DENIED", why);
const iso = (time: number): string => new Date(time).toISOString();

export class Approvals {
  readonly #options: ApprovalsOptions;
  readonly #performing: Performing;
  /** For metrics. */
  readonly counters = { held: 0, overrides: 0 };

  constructor(options: ApprovalsOptions) {
    this.#options = options;
    this.#performing = new Performing(options);
  }

  get keys(): ApproverKeys {
    return this.#options.inForce().keys;
  }

  personOf(principal: { readonly id: string }): string {
    return this.#options.inForce().persons.of(principal);
  }

  get vaultId(): string {
    return this.#options.vaultId;
  }

  /** How many wait, for metrics. */
  pending(): number {
    return this.#options.documents.list<Approval>("approval").filter(({ value }) => value.state === "pending").length;
  }

  /** The rules in force that look at tags. */
  get tagRules(): readonly TagRule[] {
    return this.#options.inForce().rules.tagRules;
  }

  /**
   * The gate: holds back a request that somebody demands approval for, and lets one through that was approved as it is.
   *
   * @throws {HsmError} PERMISSION_DENIED for a demand nobody can meet, or when an approved request is not what was approved;
   *   APPROVAL_REQUIRED without an id for an item of a batch
   */
  gate(asked: Asked): undefined | Held | Promise<undefined | Held> {
    const demands = this.#options.inForce().rules.demandsFor(asked, this.#options.tagsOf);
    return demands instanceof Promise ? demands.then((found) => this.#judge(asked, found)) : this.#judge(asked, demands);
  }

  #judge(asked: Asked, demands: readonly ApprovalDemand[]): undefined | Promise<Held> {
    const all = asked.raised.length === 0 ? demands : [...asked.raised, ...demands];
    if (asked.approved !== undefined) {
      this.#requireApproved(asked, asked.approved, all);
      return undefined;
    }
    if (all.length === 0 || EXEMPT.has(asked.principal.id)) return undefined;
    const { operation } = asked;
    if (!mayNeedApproval(operation)) throw denied(`${operation.name} cannot wait for the approval that is demanded`);
    try {
      for (const demand of all) requireDemand(demand);
    } catch (error) {
      throw denied((error as HsmError).detail);
    }
    // What waits is stored, with what it brings, and is performed in no session; a session key is neither.
    if (makesSessionKey(asked.request)) throw denied("session_key: a request that has to wait for approval makes no session key");
    if (asked.batched) throw new HsmError("APPROVAL_REQUIRED", `${operation.name} needs approval, so it cannot be part of a batch`);
    return this.#hold(asked, all);
  }

  async #hold(asked: Asked, demands: readonly ApprovalDemand[]): Promise<Held> {
    const { documents, now } = this.#options;
    const { operation, principal, request } = asked;
    const createdAt = now();
    const id = uuidV7(createdAt);
    const message = messageBytes(operation.method.input, request);
    if (message.length > MAX_MESSAGE_BYTES)
      throw new HsmError("REQUEST_TOO_LARGE", `a request that waits for approval has at most ${MAX_MESSAGE_BYTES} bytes`);
    const saltBytes = guessable(operation, request) ? SALT_BYTES : 0;
    const material = Buffer.alloc(saltBytes + message.length);
    fillRandom(material.subarray(0, saltBytes));
    material.set(message, saltBytes);
    wipe(message);
    const expiresAt = createdAt + Math.min(...demands.map(({ expirySeconds }) => expirySeconds)) * 1000;
    const requester = this.#stored(principal);
    const subject: ApprovalSubject = {
      approval: id,
      created: iso(createdAt),
      expires: iso(expiresAt),
      key: asked.keyId,
      namespace: asked.namespace,
      operation: operation.name,
      override: this.#options.inForce().override,
      payload: hash("sha256", material, "hex"),
      policy: this.#options.policyVersion(),
      request: readableRequest(operation.method.input, request),
      requester: principal.id,
      rules: demands.map(({ rule, quorum, roles, reason }) => ({ quorum, reason, roles: [...roles], rule })),
      vault: this.#options.vaultId,
    };
    const value: Approval = {
      state: "pending",
      subject: subjectText(subject),
      requester,
      listing: listingFrom(subject),
      address: asked.address,
      requestId: asked.requestId,
      saltBytes,
      createdAt,
      expiresAt,
      verdicts: [],
    };
    let heldId = id;
    try {
      // Two of the same request at once meet at this name, so that one of them finds the other.
      const same = named(`same.${hash("sha256", `${principal.id}\u0000${operation.name}\u0000${subject.payload}`, "hex")}`);
      // Whoever asks and takes back, over and over, must not fill the vault with it.
      const surplus = this.#surplus(principal.id).map(named);
      const change = await documents.change([named(id), same, ...surplus], () => {
        const waiting = documents
          .list<Approval>("approval")
          .filter(({ value: { state, expiresAt: until } }) => state === "pending" && until > createdAt);
        const own = waiting.filter(({ value: { requester: other } }) => other.id === principal.id);
        const known =
          saltBytes > 0
            ? undefined
            : own.find(({ value: other }) => other.requester.proven === requester.proven && isSame(parseSubject(other.subject), subject));
        if (known !== undefined) {
          heldId = known.id;
          return [];
        }
        const size = own.reduce((total, other) => total + other.value.subject.length, value.subject.length);
        if (waiting.length >= MAX_PENDING || own.length >= MAX_PENDING_EACH || size > MAX_SUBJECTS_EACH)
          throw new HsmError("QUOTA_EXCEEDED", "too many requests wait for approval", { retryAfterSeconds: 60 });
        return [{ ...named(id), value, material }, ...surplus.map((each) => ({ ...each, value: undefined }))];
      });
      this.counters.held += 1;
      const wanted = demands.map(({ quorum, roles }) => `${quorum} of ${roles.join(" or ")}`).join(", and ");
      return {
        change,
        error: new HsmError("APPROVAL_REQUIRED", `${operation.name} waits for approval by ${wanted}: ${heldId}`, {
          approvalId: heldId,
          retryAfterSeconds: RETRY_SECONDS,
        }),
      };
    } finally {
      wipe(material);
    }
  }

  /** Ids of a requester's oldest requests that ended without anybody's verdict, of those that are too many. */
  #surplus(requester: string): string[] {
    const idle = ({ state, verdicts, requester: other }: Approval): boolean =>
      other.id === requester && verdicts.length === 0 && (state === "cancelled" || state === "expired");
    let [count, size] = [0, 0];
    return this.#options.documents
      .list<Approval>("approval")
      .filter(({ value }) => idle(value))
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .filter(({ value }) => (count += 1) > MAX_TAKEN_BACK_EACH || (size += value.subject.length) > MAX_TAKEN_BACK_SUBJECTS)
      .map(({ id }) => id)
      .slice(-SWEPT_AT_ONCE);
  }

  #stored({ id, method, roles, namespaces, defaultNamespace, mfaAt, vouched, session }: Principal): StoredRequester {
    return {
      id,
      person: this.personOf({ id }),
      method,
      roles: [...roles],
      namespaces: namespaces === "all" ? "all" : [...namespaces],
      defaultNamespace,
      ...(mfaAt === undefined ? {} : { mfaAt }),
      ...(session?.once === undefined ? {} : { proven: true }),
      ...(vouched === undefined ? {} : { vouched }),
    };
  }

  /** What is about to be performed is what was approved, by those whom the rules of now ask for. */
  #requireApproved(asked: Asked, run: ApprovedRun, demands: readonly ApprovalDemand[]): void {
    const approval = this.#document(run.id);
    const subject = parseSubject(approval.subject);
    const { now } = this.#options;
    const { keys } = this;
    const stands = (keyId: string): boolean => keys.stands(keyId);
    if (approval.state !== "approved" && approval.state !== "executing") throw denied(`the request is ${approval.state}`);
    if (now() >= approval.expiresAt) throw denied("the approval is expired");
    const payload = run.digestOf(messageBytes(asked.operation.method.input, asked.request));
    if (
      asked.operation.name !== subject.operation ||
      asked.principal.id !== subject.requester ||
      asked.namespace !== subject.namespace ||
      asked.keyId !== subject.key ||
      payload !== subject.payload
    )
      throw denied("this is not what was approved");
    const reached = enough(approval, stands);
    if (reached === undefined) throw denied("an approval was taken back meanwhile");
    if (reached === "overridden") return;
    const unmet = demands.find((demand) => !meets(approval, demand, "approve", stands));
    if (unmet !== undefined) throw denied(`the policy asks for more by now: ${unmet.rule}`);
  }

  /**
   * Takes a verdict.
   *
   * @throws {HsmError} OBJECT_NOT_FOUND   there is no such request within reach
   * @throws {HsmError} PERMISSION_DENIED  it does not count; the detail says why
   * @throws {HsmError} OBJECT_CHANGED     the request does not wait any more
   */
  async decide(caller: Caller, verdict: Verdict, given: VerdictRequest): Promise<Step> {
    const { principal } = caller;
    const { documents, now, log } = this.#options;
    const { keys } = this;
    const id = given.approvalId;
    let after: Approval | undefined;
    let evidence: EventApproval | undefined;
    const change = await documents.change([named(id)], () => {
      const before = this.#visible(caller, id, given.namespace);
      const subject = parseSubject(before.subject);
      const key = keys.get(given.approverKey);
      if (key === undefined) throw denied("there is no such approver key");
      if (keys.isOrphan(key)) throw denied("the second factor that this approver key is too was taken away");
      const judgement = judged(
        before,
        { principal, person: this.personOf(principal), roles: this.#options.rolesIn(principal, subject.namespace, caller.address) },
        {
          verdict,
          reason: given.reason,
          key,
          keyPerson: this.#personOfKey(key.principal, principal),
          signature: given.signature,
          assertion: given.assertion,
        },
        now(),
      );
      const stands = (keyId: string): boolean => keys.stands(keyId);
      after = withVerdict(before, judgement.verdict, (approval) => enough(approval, stands), now(), stands);
      evidence = { digest: judgement.digest, id, key: key.id, signature: judgement.verdict.signature };
      return [{ ...named(id), value: after, ...(isClosed(after) ? { material: EMPTY } : {}) }];
    });
    const { subject } = after as Approval;
    const alarm: Change = {
      writes: [],
      settle: (durable) => {
        if (!durable || verdict !== "override") return;
        this.counters.overrides += 1;
        log.error("emergency override of an approval", {
          approval: id,
          operation: parseSubject(subject).operation,
          principal: principal.id,
          reason: given.reason,
          state: (after as Approval).state,
        });
      },
    };
    return { id, approval: after as Approval, change: joinChanges(change, alarm), evidence: evidence as EventApproval };
  }

  /** A key of another login of the same person is that person's. */
  #personOfKey(owner: string, principal: Principal): string {
    return this.personOf(owner === principal.id ? principal : { id: owner });
  }

  /** The requester takes a request back. @throws {HsmError} OBJECT_NOT_FOUND for everybody else; OBJECT_CHANGED */
  async cancel(caller: Caller, id: string, namespace: string): Promise<Step> {
    const { documents, now } = this.#options;
    let after: Approval | undefined;
    const change = await documents.change([named(id)], () => {
      const before = this.#visible(caller, id, namespace);
      if (before.requester.id !== caller.principal.id) throw denied("only the requester can take a request back");
      after = withdrawn(before, now());
      return [{ ...named(id), value: after, material: EMPTY }];
    });
    return { id, approval: after as Approval, change, evidence: { id } };
  }

  /**
   * Ends an approver key: one's own, or anybody's for who may revoke keys.
   *
   * @throws {HsmError} PERMISSION_DENIED for somebody else's key; OBJECT_NOT_FOUND; OBJECT_CHANGED when it is revoked
   */
  revokeKey(principal: Principal, id: string, reason: string): Promise<{ readonly key: RegisteredKey; readonly change: Change }> {
    const key = this.keys.get(id);
    if (key === undefined) return Promise.reject(new HsmError("OBJECT_NOT_FOUND", "there is no such approver key"));
    const own = this.#personOfKey(key.principal, principal) === this.personOf(principal);
    if (!own && !principal.permissions.has("approval:revoke_keys")) throw denied("the approver key is somebody else's");
    return this.keys.revoke(id, principal.id, reason);
  }

  /** One request. @throws {HsmError} OBJECT_NOT_FOUND when there is none within reach */
  get(caller: Caller, id: string, namespace: string): Approval {
    return this.#visible(caller, id, namespace);
  }

  /** Those within reach, the oldest first. */
  list(caller: Caller, namespace: string): KnownApproval[] {
    return this.#options.documents
      .list<Approval>("approval")
      .filter(({ value }) => namespace === "" || listingOf(value).namespace === namespace)
      .filter(({ value }) => this.#mayRead(caller, value))
      .map(({ id, value }) => ({ id, approval: value }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /**
   * The result of a request that was performed, for its requester; the caller wipes it.
   *
   * @returns undefined when there is none, or it is somebody else's; `change` when it was secret and is not kept any longer
   */
  async result(principal: Principal, id: string): Promise<{ readonly bytes: Buffer; readonly change?: Change } | undefined> {
    const { documents } = this.#options;
    const approval = this.#document(id);
    if (approval.requester.id !== principal.id || approval.result === undefined) return undefined;
    if (approval.result === "open") return { bytes: await documents.material("approval", id) };
    let bytes: Buffer | undefined;
    const change = await documents.change([named(id)], async () => {
      const after = fetched(this.#document(id));
      bytes = await documents.material("approval", id);
      return [{ ...named(id), value: after, material: EMPTY }];
    });
    return { bytes: bytes as Buffer, change };
  }

  /** Performs a request that is approved, once; does nothing when it is being performed. Never throws. */
  execute(id: string): Promise<void> {
    return this.#performing.execute(id);
  }

  /** Goes on with what was approved and is possible, and does nothing else. */
  resume(): Promise<void> {
    return this.#performing.resume();
  }

  /** The duty: ends what is over, performs what is approved and was not, forgets what was closed long ago. */
  tick(): Promise<void> {
    return this.#performing.tick();
  }

  /** No more is begun; resolves when what is being performed has ended. */
  close(): Promise<void> {
    return this.#performing.close();
  }

  #document(id: string): Approval {
    const found = this.#options.documents.get<Approval>("approval", id);
    if (found === undefined) throw new HsmError("OBJECT_NOT_FOUND", "there is no such request");
    return found.value;
  }

  #visible(caller: Caller, id: string, namespace: string): Approval {
    const approval = this.#options.documents.get<Approval>("approval", id)?.value;
    const there = approval !== undefined && (namespace === "" || listingOf(approval).namespace === namespace);
    if (!there || !this.#mayRead(caller, approval)) throw new HsmError("OBJECT_NOT_FOUND", "there is no such request");
    return approval;
  }

  /**
   * Everybody reads his own. Others' are read where they could be asked for by name, by those whose roles they ask for, and
   * by who may decide or audit.
   */
  #mayRead({ principal, address, hidden }: Caller, approval: Approval): boolean {
    if (approval.requester.id === principal.id) return true;
    const { namespace, roles } = listingOf(approval);
    if (hidden().has(namespace)) return false;
    if (this.#options.rolesIn(principal, namespace, address).some((role) => roles.includes(role))) return true;
    return principal.permissions.has("approval:decide") || principal.permissions.has("audit:view");
  }
}

/** Whether a request is to make a key that is in memory alone. */
function makesSessionKey(request: MessageShape<DescMessage>): boolean {
  const { sessionKey, asKey } = request as { readonly sessionKey?: boolean; readonly asKey?: { readonly sessionKey: boolean } };
  return sessionKey === true || asKey?.sessionKey === true;
}

const isSame = (a: ApprovalSubject, b: ApprovalSubject): boolean =>
  a.operation === b.operation && a.namespace === b.namespace && a.payload === b.payload;

/** Secrets of the vault itself may be passphrases, which a digest would let anybody guess. */
const guessable = (operation: Operation, request: MessageShape<DescMessage>): boolean => holdsSecret(operation.method.input, request);
