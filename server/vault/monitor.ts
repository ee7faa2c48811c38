/**
 * The monitor: the one door into the vault.
 *
 * Every request of a person, every ceremony and every duty goes through {@link Monitor.perform}, in this order: is the
 * row allowed in this phase; who is asking; is the message understood and valid; is it permitted; perform; record,
 * durably; answer. A refusal at any step is recorded like a success. Without a record there is no answer.
 *
 * Authentication comes before the message is parsed, so that a stranger reaches no parser and learns nothing.
 *
 * Long, because the order of the steps is the guarantee and is read in one place; what a step needs besides has files of
 * its own (request-message.ts, event-draft.ts, gate.ts).
 *
 * @see ARCHITECTURE.md "The life of one Sign"; README.privsep of OpenSSH for the idea
 */
import { toBinary, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { hash } from "node:crypto";
import { piecesOf, wholeOf, type Payload } from "@keystead/channel/payload";
import type { IncomingCall } from "@keystead/channel/peer";
import { decodeCall, encodeReceipt, type DecodedCall } from "@keystead/channel/call";
import { HsmError, asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { Operation, Phase } from "@keystead/contract/operation";
import { operationByNumber, SELF, STREAM_ON } from "@keystead/contract/operations/register";
import { streamAuditLog } from "@keystead/contract/operations/stream-audit-log";
import type { Permission } from "@keystead/contract/permissions";
import { wipe } from "@keystead/crypto/wipe";
import type { EventScript } from "./audit/event.ts";
import type { Company, Receipt } from "./audit/log.ts";
import { ANONYMOUS, notAuthenticated, peerOf, type Authenticator } from "./authenticate/authenticate.ts";
import type { Principal } from "./authenticate/principal.ts";
import type { Peer } from "./authenticate/sessions.ts";
import { aboutOther, type Authorizer, type HiddenNamespaces, type Question } from "./authorize/authorize.ts";
import type { CountedUses } from "./authorize/counted-uses.ts";
import { requestFacts } from "./authorize/request-facts.ts";
import type { OpenVault } from "./ceremonies/unseal.ts";
import { demandsOf, draftOf, eventOf, scriptsOf, stateOf, type Draft, type Grants } from "./event-draft.ts";
import { passGates, type ApprovalDemand, type ApprovedRun, type Asked, type Gate, type Held } from "./gate.ts";
import type { Grant } from "./grant.ts";
import type { RateLimits, Refusal } from "./limits/rate-limits.ts";
import { joinChanges, type Change } from "./objects/change.ts";
import type { Context, Handler, ItemResult, Result } from "./operations/handler.ts";
import { HANDLERS } from "./operations/register.ts";
import { checkedMessage, parseMessage, payloadDigest, payloadOf, refuseUnknownFields } from "./request-message.ts";
import { encodeReply } from "./operations/reply.ts";
import { streamAnswer } from "./operations/stream-audit-log.ts";

/** What a request carries besides its message. */
export interface Circumstances {
  readonly principal: Principal;
  readonly requestId: string;
  /** W3C trace id of the request; empty or left out without one. */
  readonly traceId?: string;
  /** Client address; empty for ceremonies. */
  readonly address: string;
  /** `performance.now()` after which the answer is worthless. */
  readonly deadline: number;
  readonly cancelled: () => boolean;
  /** Set when others have agreed to the request, which is now performed. */
  readonly approved?: ApprovedRun;
  /** What was seen of the other end, where there is one. */
  readonly peer?: () => Peer;
}

/** Told of every finished operation, for metrics. */
export type Observer = (operation: Operation, namespace: string, outcome: string, seconds: number) => void;

/** The parts the monitor works with while the vault is open. */
export interface OpenParts {
  readonly vault: OpenVault;
  readonly context: Context;
}

/** What somebody has to agree to before the vault works. */
export interface Awaited {
  /** To the configuration of this start. */
  readonly configuration?: HsmError | undefined;
  /** To going on without a damaged part of the audit log. */
  readonly auditBreak?: HsmError | undefined;
}

export interface MonitorOptions {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly log: Logger;
  readonly observe: Observer;
  /** Told of every request that is part of a trace, when it begins; what is known of it grows until it is answered. */
  readonly traced?: (operation: Operation, trace: string, known: Pick<Draft, "namespace" | "keyId">, answering: Promise<unknown>) => void;
  /** Rates and places of those who come over the line; ceremonies and duties need neither. */
  readonly limits: RateLimits;
  /** Namespaces that answers about everything within reach leave out, besides those that the authorizer hides. */
  /** When a namespace was made, milliseconds since the epoch; undefined where it is not known. */
  readonly bornAt?: (namespace: string) => number | undefined;
  readonly concealed?: (principal: Principal, address: string) => (namespace: string) => boolean;
  /** What a permitted request must still pass, in order. */
  readonly gates: readonly Gate[];
  /** Questions of the gateway itself: health and metrics. */
  readonly self: (question: number, payload: Buffer) => Buffer;
  /** Ceremonies that change the phase; they stand outside the handlers because they outlive the parts. */
  readonly ceremonies: ReadonlyMap<number, Handler>;
  /** What handlers see while nothing is open: status only. */
  readonly closedContext: Context;
}

const NOTHING: ReadonlySet<string> = new Set();
const SELF_QUESTIONS: ReadonlySet<number> = new Set(Object.values(SELF));
/** Who has not logged in. */
const NOBODY = Object.freeze({ id: "", method: "none" });
/**
 * An operation that took longer than this may wait for its record to be written together with others, when so many are
 * under way (PostgreSQL's commit_delay and commit_siblings are the same idea).
 */
const COSTLY_MS = 1;
const SIBLINGS = 5;
const NO_DEMANDS: readonly Permission[] = [];
/** How long one look at a stream may wait: so long may it live after its caller's rights have ended, showing nothing. */
const LONGEST_WAIT_MS = 15_000;
/** What changes the phase of the vault and no record. */
const CHANGE_THE_PHASE: ReadonlySet<Permission> = new Set<Permission>(["vault:seal", "vault:unseal"]);

export class Monitor {
  readonly #options: MonitorOptions;
  #parts: OpenParts | undefined;
  #maintenance: HsmError | undefined;
  /** Why nothing is done until somebody agrees; unlike {@link #maintenance} it can be lifted. */
  #awaited: Awaited = {};
  #fault: HsmError | undefined;
  /** Operations that have begun and are not answered yet. */
  #underWay = 0;
  /** Whether the operation that asks is the only one. */
  readonly #alone = (): boolean => this.#underWay === 1;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  get phase(): Phase {
    if (this.#fault !== undefined) return "error";
    if (this.maintenance !== undefined) return "maintenance";
    return this.#parts === undefined ? "sealed" : "open";
  }

  /** Why the phase is maintenance; a stop hides what else is waited for. */
  get maintenance(): HsmError | undefined {
    const { auditBreak, configuration } = this.#awaited;
    return this.#maintenance ?? (this.#parts === undefined ? undefined : (auditBreak ?? configuration));
  }

  /** Whether an operation is possible now, as far as the phase says. */
  possible(operation: Operation): boolean {
    try {
      this.#allowInPhase(operation);
      return true;
    } catch {
      return false;
    }
  }

  get parts(): OpenParts | undefined {
    return this.#parts;
  }

  /** The vault is open from now on. @param awaited why it is in maintenance until {@link accepted} */
  open(parts: OpenParts, awaited: Awaited = {}): void {
    this.#parts = parts;
    this.#awaited = awaited;
  }

  /** What {@link open} waited for has happened. A stop stays a stop. */
  accepted(what: keyof Awaited): void {
    this.#awaited = { ...this.#awaited, [what]: undefined };
  }

  /** The vault is sealed from now on. */
  close(): void {
    this.#parts = undefined;
    this.#maintenance = undefined;
    this.#awaited = {};
  }

  /** Stops every operation until the vault is started again: the log or the store cannot be trusted. */
  stop(reason: HsmError): void {
    this.#maintenance ??= reason;
  }

  /** Stops everything but status until the process is started again: what computes here cannot be trusted. */
  fail(reason: HsmError): void {
    if (this.#fault !== undefined) return;
    this.#fault = reason;
    this.#options.log.error("a self-test failed; the vault does nothing from now on", {}, reason);
  }

  /** Answers a frame of the gateway. @throws {MalformedFrame} at once, when its envelope cannot be read */
  answer(call: IncomingCall): Payload | Promise<Payload> {
    if (SELF_QUESTIONS.has(call.operation)) return this.#options.self(call.operation, call.payload);
    if (call.operation === STREAM_ON) return this.#streamOn(decodeCall(call.payload), call);
    const operation = operationByNumber(call.operation);
    if (operation === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", "there is no such operation");
    const decoded = decodeCall(call.payload);
    const { address, trace } = decoded.evidence;
    // Of what comes too often nobody looks at the body.
    const draft = draftOf(address, trace);
    const answering = this.#request(operation, decoded, call, draft);
    if (trace !== "") this.#options.traced?.(operation, trace, draft, answering);
    return answering;
  }

  async #request(operation: Operation, decoded: DecodedCall, call: IncomingCall, draft: Draft): Promise<Payload> {
    const { evidence, body } = decoded;
    const started = performance.now();
    const { authenticator, limits } = this.#options;
    const known = operation.anonymous === true ? undefined : authenticator.remembered(decoded);
    const principal = known ?? (await this.#login(operation, decoded, draft, started));
    // Who has no credential is counted by address.
    const counted = operation.anonymous === true ? limits.placeOf(evidence.address) : principal.id;
    const tooMuch = (counted === principal.id ? limits.principal(counted) : undefined) ?? limits.enter(counted);
    if (tooMuch !== undefined) return this.#turnAway(operation, draft, tooMuch, principal, evidence.requestId, started);
    draft.payload ||= payloadDigest(operation, body);
    if (principal.session?.once?.() === false) {
      limits.leave(counted);
      await this.#record(operation, draft, "UNAUTHENTICATED", principal, evidence.requestId);
      this.#options.observe(operation, "", "UNAUTHENTICATED", (performance.now() - started) / 1000);
      throw notAuthenticated();
    }
    const about: Circumstances = {
      principal,
      requestId: evidence.requestId,
      traceId: draft.trace,
      address: evidence.address,
      deadline: call.deadline,
      cancelled: () => call.cancelled,
      peer: () => peerOf(evidence),
    };
    try {
      const reply = await this.#perform(operation, () => parseMessage(operation, body), about, draft, started);
      return evidence.receipt === true ? [encodeReceipt(draft.receipt), ...piecesOf(reply)] : reply;
    } catch (error) {
      // Who is a stranger, or one still, learns nothing of how many events there are.
      const stranger = operation.anonymous === true || asHsmError(error).code === "UNAUTHENTICATED";
      throw evidence.receipt === true && !stranger ? withReceipt(error, draft.receipt) : error;
    } finally {
      limits.leave(counted);
    }
  }

  /**
   * More of a stream that a recorded request opened. First it is waited for, then its caller is looked at anew, so that
   * nothing is shown by rights that ended meanwhile. A stream that may not go on ends, and that is recorded.
   *
   * @throws {HsmError} PROVIDER_UNAVAILABLE the caller has no such stream any more; another one goes on from where it was
   */
  async #streamOn(decoded: DecodedCall, call: IncomingCall): Promise<Payload> {
    const { authenticator } = this.#options;
    const { address, requestId, trace } = decoded.evidence;
    const streams = this.#parts?.context.auditStreams;
    if (streams === undefined) throw new HsmError("VAULT_SEALED", "the vault is sealed", { retryAfterSeconds: 5 });
    const asked = streamQuestion(decoded.body);
    const operation = streamAuditLog as unknown as Operation;
    const draft = draftOf(address, trace);
    const first =
      authenticator.remembered(decoded) ??
      (await authenticator.authenticate(decoded).catch(async (error: unknown) => {
        if (asked !== "end") await this.#record(operation, draft, "UNAUTHENTICATED", NOBODY, requestId);
        throw error;
      }));
    // What is good for one request was good for the one that opened the stream.
    if (first.session?.once !== undefined) throw notAuthenticated();
    const stream = streams.find(first.id, requestId);
    if (stream === undefined)
      throw new HsmError("PROVIDER_UNAVAILABLE", "the stream is not open any more; ask on from the last number with another one", {
        retryAfterSeconds: 1,
      });
    if (asked === "end") {
      streams.end(first.id, requestId);
      return Buffer.alloc(0);
    }
    const request = stream.wish.request as MessageShape<typeof streamAuditLog.method.input>;
    draft.namespace = request.namespace;
    let principal: Pick<Principal, "id" | "method"> = first;
    try {
      await stream.ready(asked);
      const now = authenticator.remembered(decoded) ?? (await authenticator.authenticate(decoded));
      if (now.id !== first.id || now.session?.ended() === true) throw notAuthenticated();
      principal = now;
      this.#allowInPhase(operation);
      const about: Circumstances = { principal: now, requestId, address, deadline: Infinity, cancelled: () => call.cancelled };
      await this.#decide(operation, request, { principal: now, operation, namespace: request.namespace, keyId: request.keyId, address });
      const page = stream.page(this.#hidden(operation, request, about));
      if (page.complete) streams.end(now.id, requestId, stream);
      return encodeReply(operation.method.output, { reply: streamAnswer(page) });
    } catch (thrown) {
      const error = asHsmError(thrown);
      streams.end(first.id, requestId, stream);
      if (error.code === "UNAUTHENTICATED" || error.code === "PERMISSION_DENIED")
        await this.#record(operation, draft, error.code, principal, requestId);
      else if (error.code === "INTEGRITY_FAILURE" || error.code === "INTERNAL")
        this.#options.log.error("a stream ended", { requestId, ...traceOf(draft.trace) }, error);
      throw error;
    }
  }

  /** Verifies a credential that is not remembered; the address pays for it, before anything costly is done. */
  async #login(operation: Operation, decoded: DecodedCall, draft: Draft, started: number): Promise<Principal> {
    const { authenticator, limits } = this.#options;
    const { address, requestId } = decoded.evidence;
    const place = limits.placeOf(address);
    const tooMuch = limits.stranger(address) ?? limits.enter(place);
    if (tooMuch !== undefined) return this.#turnAway(operation, draft, tooMuch, NOBODY, requestId, started);
    draft.payload = payloadDigest(operation, decoded.body);
    try {
      return operation.anonymous === true ? ANONYMOUS : await authenticator.authenticate(decoded);
    } catch (error) {
      const refusal = error instanceof HsmError ? error : notAuthenticated();
      await this.#record(operation, draft, refusal.code, NOBODY, requestId);
      this.#options.observe(operation, "", refusal.code, (performance.now() - started) / 1000);
      throw refusal;
    } finally {
      limits.leave(place);
    }
  }

  /** Refuses what came too often. Of a run of such refusals the log has the first, so that a flood does not fill it. */
  async #turnAway(
    operation: Operation,
    draft: Draft,
    { error, first }: Refusal,
    principal: Pick<Principal, "id" | "method"> | typeof NOBODY,
    requestId: string,
    started: number,
  ): Promise<never> {
    if (first) {
      await this.#record(operation, draft, error.code, principal, requestId);
      this.#options.observe(operation, "", error.code, (performance.now() - started) / 1000);
    }
    throw error;
  }

  /** Performs an operation for a principal that is already known: the entrance of ceremonies and duties. */
  async perform<I extends DescMessage>(operation: Operation<I>, request: MessageShape<I>, about: Circumstances): Promise<Buffer> {
    const payload = payloadDigest(operation as unknown as Operation, toBinary(operation.method.input, request));
    const draft = draftOf(about.address, "", payload);
    return wholeOf(
      await this.#perform(
        operation as unknown as Operation,
        () => checkedMessage(operation as unknown as Operation, request),
        about,
        draft,
        performance.now(),
      ),
    );
  }

  async #perform(
    operation: Operation,
    read: () => MessageShape<DescMessage>,
    about: Circumstances,
    draft: Draft,
    started: number,
  ): Promise<Payload> {
    const { principal } = about;
    const uses = this.#options.authorizer.uses();
    let result: Result<DescMessage> | undefined;
    let held = false;
    let begun = false;
    let closing: Change | undefined;
    if (about.approved !== undefined) draft.approval = { id: about.approved.id };
    this.#underWay += 1;
    try {
      this.#allowInPhase(operation);
      begun = true;
      const request = read();
      const named = request as { namespace?: string; keyId?: string };
      draft.keyId = named.keyId ?? "";
      draft.namespace =
        operation.scope === "server" ? "" : named.namespace || (operation.scope === "reach" ? "" : principal.defaultNamespace);
      draft.otherKeyId = operation.other?.keyId(request) ?? "";
      draft.sessionKey = this.#ofSession(principal, draft.namespace, draft.keyId, draft.otherKeyId);
      draft.demands = demandsOf(operation, request);
      const asked = rowFor(operation, request, draft.sessionKey);
      const question: Question = {
        principal,
        operation: asked,
        namespace: draft.namespace,
        keyId: draft.keyId,
        address: about.address,
        uses,
        ...(about.approved?.proven === true ? { proven: true } : {}),
      };
      const deciding = this.#decide(asked, request, question);
      const grants = deciding instanceof Promise ? await deciding : deciding;
      draft.grants = grants;
      if (this.#options.gates.length > 0) {
        const passing = passGates(this.#options.gates, askedOf(asked, request, draft, about, false));
        const holding = passing instanceof Promise ? await passing : passing;
        if (holding !== undefined) {
          held = true;
          await this.#hold(operation, draft, holding, about);
        }
      }
      uses.take();
      draft.decision = "allow";
      this.#stillWanted(about);
      const ceremony = this.#options.ceremonies.get(operation.number);
      const handler = ceremony ?? HANDLERS.get(operation.number);
      if (handler === undefined) throw new HsmError("OPERATION_NOT_SUPPORTED", `${operation.name} is not built`);
      const context = this.#contextOf(principal);
      const space = draft.namespace;
      const item =
        operation.name === "Batch"
          ? (row: Operation, message: MessageShape<DescMessage>): Promise<ItemResult> =>
              this.#item(row, message, space, about, context, uses.item())
          : undefined;
      // Once a ceremony has run, nothing may be waited for before its record: it may be about to close the log.
      if (ceremony !== undefined) closing = await about.approved?.close("OK", "");
      let performed = await handler.run(
        {
          operation,
          principal,
          address: about.address,
          requestId: about.requestId,
          namespace: space,
          request,
          ...grants,
          run: { principal: principal.id, batch: false, alone: this.#alone },
          hidden: () => this.#hidden(operation, request, about),
          visible: () => this.#options.authorizer.visibleKeys(question),
          peer: about.peer ?? nobody,
          ...(item === undefined ? {} : { item }),
        },
        context,
      );
      const spending = uses.change();
      if (spending !== undefined) performed = await withChange(performed, spending);
      this.#refuseAfterFault(operation, performed);
      this.#refuseChangeBesides(operation, performed);
      refuseAfterEnd(principal, performed);
      result = performed;
      draft.keyId = result.keyId ?? draft.keyId;
      draft.otherKeyId = result.otherKeyId ?? draft.otherKeyId;
      draft.namespace = result.namespace ?? draft.namespace;
      draft.version = result.version ?? 0;
      draft.sessionKey ||= result.change?.sessionKey === true;
      if (result.approval !== undefined) draft.approval = result.approval;
      let reply: Buffer | undefined;
      if (about.approved !== undefined) {
        // The answer waits for the requester, and the request ends, in the transaction of what it changes.
        reply = wholeOf(encodeReply(operation.method.output, result));
        result = joined(result, closing ?? (await about.approved.close("OK", "", reply)));
      }
      await this.#record(operation, draft, "OK", result.actor ?? principal, about.requestId, result, this.#company(started));
      result.change?.settle(true);
      this.#options.observe(operation, draft.namespace, "OK", (performance.now() - started) / 1000);
      return reply ?? encodeReply(operation.method.output, result);
    } catch (thrown) {
      const error = asHsmError(thrown);
      if (error.code === "SELF_TEST_FAILED") this.fail(error);
      if (error.code === "UNAUTHENTICATED") draft.decision = "refuse";
      const performed = result !== undefined;
      result?.change?.settle(false);
      closing?.settle(false);
      if (result !== undefined) wipe(...(result.secrets ?? []));
      if (error.code === "INTERNAL" || error.code === "INTEGRITY_FAILURE")
        this.#options.log.error(
          "operation failed",
          { operation: operation.name, requestId: about.requestId, ...traceOf(draft.trace) },
          error,
        );
      // What failed while being recorded cannot be recorded; everything else is.
      if (!performed && !held) await this.#recordRefusal(operation, draft, error, about, uses);
      this.#options.observe(operation, draft.decision === "allow" ? draft.namespace : "", error.code, (performance.now() - started) / 1000);
      throw begun ? error.ofBegun() : error;
    } finally {
      uses.end();
      this.#underWay -= 1;
    }
  }

  /** Records that a request was refused; one that others had agreed to ends with it. */
  async #recordRefusal(
    operation: Operation,
    draft: Draft,
    error: HsmError,
    { approved, principal, requestId }: Circumstances,
    uses: CountedUses,
  ): Promise<void> {
    // A request that does not wait any more ends no second time; its refusal is recorded nevertheless.
    const closing = await approved?.close(error.code, error.detail).catch(() => undefined);
    const spent = await uses.change()?.catch(() => undefined);
    const change = closing === undefined || spent === undefined ? (closing ?? spent) : joinChanges(closing, spent);
    try {
      await this.#record(operation, draft, error.code, principal, requestId, change === undefined ? undefined : { reply: {}, change });
    } catch (failure) {
      change?.settle(false);
      throw failure;
    }
    change?.settle(true);
  }

  /** Records a request that is held back, with what holds it. @throws {HsmError} what the caller gets, always */
  async #hold(operation: Operation, draft: Draft, { change, error }: Held, about: Circumstances): Promise<never> {
    draft.decision = "pending";
    if (error.approvalId !== undefined) draft.approval = { id: error.approvalId };
    try {
      await this.#record(operation, draft, error.code, about.principal, about.requestId, { reply: {}, change });
    } catch (failure) {
      change.settle(false);
      throw failure;
    }
    change.settle(true);
    throw error;
  }

  /** One item of a batch: its own decision and outcome; the batch's event carries both. */
  async #item(
    operation: Operation,
    message: MessageShape<DescMessage>,
    batchNamespace: string,
    about: Circumstances,
    context: Context,
    uses: CountedUses,
  ): Promise<ItemResult> {
    const started = performance.now();
    const { principal } = about;
    const request = message as MessageShape<DescMessage> & { namespace: string; keyId: string };
    const namespace = request.namespace || batchNamespace;
    const payload = hash("sha256", payloadOf(request), "hex");
    const other = operation.other?.keyId(request) ?? "";
    let grants: Grants | undefined;
    const scripts: EventScript[] = [];
    const sessionKey = this.#ofSession(principal, namespace, request.keyId, other);
    const event = (outcome: string): ItemResult["event"] => ({
      action: operation.name,
      ...demandsOf(operation, request),
      key: request.keyId,
      ...(other === "" ? {} : { other }),
      outcome,
      payload,
      ...scriptsOf(scripts),
      ...(sessionKey ? { sessionKey } : {}),
      ...stateOf(grants),
    });
    try {
      if (!operation.batchable) throw new HsmError("INVALID_REQUEST", `${operation.name} cannot be part of a batch`);
      refuseUnknownFields(request);
      // One event holds the whole batch, and whoever may read it may read all of it.
      if (namespace !== batchNamespace) throw new HsmError("INVALID_REQUEST", "every item of a batch is about the batch's namespace");
      const question = { principal, operation, namespace, keyId: request.keyId, address: about.address, batched: true, uses };
      grants = await this.#decide(operation, request, question);
      if (this.#options.gates.length > 0) {
        const asked = askedOf(
          operation,
          request,
          { namespace, keyId: request.keyId, otherKeyId: other, payload, scripts },
          { ...about, principal },
          true,
        );
        const holding = await passGates(this.#options.gates, asked);
        if (holding !== undefined) {
          holding.change.settle(false);
          throw new TypeError("a gate held back an item of a batch");
        }
      }
      uses.take();
      const handler = HANDLERS.get(operation.number) as Handler;
      const result = await handler.run(
        {
          operation,
          principal,
          address: about.address,
          requestId: about.requestId,
          namespace,
          request,
          ...grants,
          run: { principal: principal.id, batch: true },
          hidden: () => NOTHING,
          visible: () => undefined,
        },
        context,
      );
      this.#options.observe(operation, namespace, "OK", (performance.now() - started) / 1000);
      return { event: event("OK"), reply: result.reply, error: undefined };
    } catch (thrown) {
      const error = asHsmError(thrown);
      if (error.code === "SELF_TEST_FAILED") this.fail(error);
      if (error.code === "INTERNAL" || error.code === "INTEGRITY_FAILURE")
        this.#options.log.error(
          "batch item failed",
          { operation: operation.name, requestId: about.requestId, ...traceOf(about.traceId) },
          error,
        );
      this.#options.observe(operation, "", error.code, (performance.now() - started) / 1000);
      return { event: event(error.code), reply: undefined, error: { code: error.code, number: error.number, detail: error.detail } };
    }
  }

  /** Whether the event of an operation that began at `started` is going to have company. */
  #company(started: number): Company {
    if (this.#alone()) return "none";
    const costly = this.#underWay >= SIBLINGS && performance.now() - started > COSTLY_MS;
    // Those that were done on the event loop come together anyway; only what the pool gives back comes one by one.
    return costly && this.#parts?.context.provider.working === true ? "patient" : "some";
  }

  /** What handlers see: of keys, those that are there for this caller. */
  #contextOf(principal: Principal): Context {
    if (this.#parts === undefined) return this.#options.closedContext;
    const { vault, context } = this.#parts;
    return { ...context, objects: vault.keysOf(principal) };
  }

  /** Whether one of these is a session key of the caller's. */
  #ofSession(principal: Principal, namespace: string, ...keyIds: string[]): boolean {
    const keys = this.#parts?.vault.keysOf(principal);
    return keys !== undefined && keyIds.some((keyId) => keys.isSessionKey(namespace, keyId));
  }

  /** Decides on everything a request asks for: the operation, what it demands besides, and a second key if it names one. */
  #decide(operation: Operation, request: MessageShape<DescMessage>, question: Question): Grants | Promise<Grants> {
    const { authorizer } = this.#options;
    const demands = operation.demands?.(request) ?? NO_DEMANDS;
    if (question.principal.onlySelf === true && (operation.permission !== "identity:self" || demands.length > 0))
      throw new HsmError("PERMISSION_DENIED", `${operation.name} is not permitted here`);
    const grant = authorizer.decide({
      ...question,
      ...requestFacts(operation, request),
      demands,
      bytes: payloadOf(request).length,
    });
    const keyId = operation.other?.keyId(request) ?? "";
    const second = operation.other !== undefined && keyId !== "";
    const otherGrant = second ? authorizer.decide(aboutOther(question, operation.other, keyId, demands)) : undefined;
    if (grant instanceof Promise || otherGrant instanceof Promise)
      return Promise.all([grant, otherGrant]).then(([one, other]) => grantsOf(one, second, other));
    return grantsOf(grant, second, otherGrant);
  }

  /** What an answer about everything within reach leaves out. */
  #hidden(operation: Operation, request: MessageShape<DescMessage>, { principal, address }: Circumstances): HiddenNamespaces {
    const hidden = this.#options.authorizer.hiddenFrom(principal, address, operation, operation.demands?.(request));
    const { concealed, bornAt } = this.#options;
    const conceals = concealed?.(principal, address);
    const former = (namespace: string, time: string): boolean => Date.parse(time) < (bornAt?.(namespace) ?? -Infinity);
    return {
      has: (namespace) => hidden.has(namespace) || conceals?.(namespace) === true,
      // Who sees the server's own part sees what was; a tenant does not see what another did under the same name.
      ...(hidden.has("") ? { former } : {}),
    };
  }

  #allowInPhase(operation: Operation): void {
    const phase = this.phase;
    // No record is changed while log or store cannot be trusted, and nobody is told from it who they are.
    const distrusted = operation.permission === "identity:self" || operation.effect === "change";
    if (phase === "maintenance" && distrusted && !CHANGE_THE_PHASE.has(operation.permission) && this.#maintenance) throw this.#maintenance;
    if (operation.phases.includes(phase)) return;
    if (phase === "error") throw this.#fault as HsmError;
    if (phase === "maintenance") throw this.maintenance as HsmError;
    if (phase === "sealed") throw new HsmError("VAULT_SEALED", "the vault is sealed", { retryAfterSeconds: 5, nothingDone: true });
    throw new HsmError("INVALID_REQUEST", `${operation.name} is not possible while the vault is ${phase}`);
  }

  /** A self-test failed while this was under way: nothing that was computed leaves, and nothing is changed. */
  #refuseAfterFault(operation: Operation, performed: Result<DescMessage>): void {
    if (this.#fault === undefined || operation.phases.includes("error")) return;
    performed.change?.settle(false);
    wipe(...(performed.secrets ?? []));
    throw this.#fault;
  }

  /** Some answers are given once, which is a change too: none is made while log or store cannot be trusted. */
  #refuseChangeBesides(operation: Operation, performed: Result<DescMessage>): void {
    if (this.#maintenance === undefined || operation.effect === "change" || (performed.change?.writes.length ?? 0) === 0) return;
    performed.change?.settle(false);
    wipe(...(performed.secrets ?? []));
    throw this.#maintenance;
  }

  #stillWanted(about: Circumstances): void {
    if (about.cancelled()) throw new HsmError("CANCELLED", "the caller went away");
    if (performance.now() > about.deadline) throw new HsmError("DEADLINE_EXCEEDED", "the deadline passed before the operation began");
  }

  async #record(
    operation: Operation,
    draft: Draft,
    outcome: string,
    principal: { readonly id: string; readonly method: string },
    requestId: string,
    result?: Result<DescMessage>,
    company: Company = "some",
  ): Promise<void> {
    const log = this.#parts?.vault.log;
    if (log === undefined || log.stopped !== undefined) {
      // Sealed, or stopped: only rows of those phases get here with OK, and they go to the operator's log.
      this.#options.log.info("not in the audit log", {
        operation: operation.name,
        principal: principal.id,
        outcome,
        requestId,
        ...traceOf(draft.trace),
        phase: this.phase,
      });
      const closed = operation.phases.includes("sealed") || operation.phases.includes("maintenance");
      if (outcome === "OK" && (!closed || (result?.change?.writes.length ?? 0) > 0))
        throw log?.stopped ?? new HsmError("AUDIT_UNAVAILABLE", "there is no audit log");
      return;
    }
    const event = eventOf(operation, draft, outcome, principal, requestId, result);
    draft.receipt = await log.append(event, result?.change?.writes ?? [], company);
  }
}

/** What the caller gets, with where the refusal's event stands. */
function withReceipt(thrown: unknown, receipt: Receipt | undefined): HsmError {
  const { code, detail, cause, retryAfterSeconds, approvalId, nothingDone } = asHsmError(thrown);
  return new HsmError(code, detail, {
    cause,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(approvalId === undefined ? {} : { approvalId }),
    ...(receipt === undefined ? {} : { receipt: `${receipt.sequence} ${receipt.hash}` }),
    nothingDone,
  });
}

/** How long to wait for more, in milliseconds, or that nobody listens any more. @throws {HsmError} INVALID_REQUEST */
function streamQuestion(body: Buffer): number | "end" {
  const { end, waitMs } = JSON.parse(body.toString("utf8")) as { end?: unknown; waitMs?: unknown };
  if (end === true) return "end";
  if (typeof waitMs !== "number" || !(waitMs >= 0)) throw new HsmError("INVALID_REQUEST", "how long to wait is missing");
  return Math.min(waitMs, LONGEST_WAIT_MS);
}

const grantsOf = (grant: Grant | undefined, second: boolean, otherGrant: Grant | undefined): Grants =>
  second ? { grant, otherGrant } : { grant };

/** A request as gates see it. */
function askedOf(
  operation: Operation,
  request: MessageShape<DescMessage>,
  { namespace, keyId, otherKeyId, payload, scripts }: Pick<Draft, "namespace" | "keyId" | "otherKeyId" | "payload" | "scripts">,
  { principal, address, requestId, traceId, approved }: Circumstances,
  batched: boolean,
): Asked {
  const raised: ApprovalDemand[] = [];
  return {
    principal,
    operation,
    request,
    namespace,
    keyId,
    otherKeyId,
    address,
    requestId,
    traceId,
    payload,
    batched,
    approved,
    raise: (demand) => void raised.push(demand),
    raised,
    judged: (script) => void scripts.push(script),
  };
}

/** The result with another change that is made together with its own. */
const joined = (result: Result<DescMessage>, change: Change): Result<DescMessage> => ({
  ...result,
  change: result.change === undefined ? change : joinChanges(result.change, change),
});

/** The result with a change that is prepared only now; what was performed is undone when it cannot be. */
async function withChange(performed: Result<DescMessage>, preparing: Promise<Change>): Promise<Result<DescMessage>> {
  try {
    return joined(performed, await preparing);
  } catch (error) {
    performed.change?.settle(false);
    wipe(...(performed.secrets ?? []));
    throw error;
  }
}

/** The row, with the permission that this request needs. */
function rowFor(operation: Operation, request: MessageShape<DescMessage>, sessionKey: boolean): Operation {
  const permission = operation.instead?.(request, sessionKey);
  return permission === undefined ? operation : { ...operation, permission };
}

/** For log lines. */
const traceOf = (traceId: string | undefined): { traceId?: string } => (traceId === undefined || traceId === "" ? {} : { traceId });

const nobody = (): Peer => ({ address: "", thumbprint: "" });

/**
 * The session ended while this was under way: nothing of it succeeds any more. What is recorded after this look is
 * answered before whatever ends the session next, because the log answers in the order of its events.
 */
function refuseAfterEnd(principal: Principal, performed: Result<DescMessage>): void {
  if (principal.session?.ended() !== true || performed.endsOwnSession === true) return;
  performed.change?.settle(false);
  wipe(...(performed.secrets ?? []));
  throw notAuthenticated();
}
