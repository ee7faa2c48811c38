/**
 * For tests: a whole vault in this process, from the monitor to the store, whose clock the test holds. Only the gateway
 * and the walls are missing.
 */
import { AuditProofs } from "../audit/proofs.ts";
import { randomBytes } from "node:crypto";
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { encodeCall, LISTENER } from "@keystead/channel/call";
import type { IncomingCall } from "@keystead/channel/peer";
import { CreateNamespaceRequestSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { ApprovalsConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { createLogger, type Logger } from "@keystead/contract/logging";
import type { Operation } from "@keystead/contract/operation";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import type { Approvals } from "../approvals/approvals.ts";
import { approvalSettings, openApprovals, settingsOf } from "../approvals/open-approvals.ts";
import type { ChainedEvent } from "../audit/event.ts";
import type { FileLayer } from "../audit/file-layer.ts";
import { memoryFiles } from "../audit/memory-files.ts";
import { readEvents } from "../audit/read.ts";
import { AuditStreams } from "../audit/streams.ts";
import { Authenticator, ceremonyPrincipal } from "../authenticate/authenticate.ts";
import type { Authority } from "../authenticate/certificate.ts";
import { givenBy } from "../authenticate/federation.ts";
import { Identity, type IdentityOptions } from "../authenticate/identity.ts";
import type { Principal } from "../authenticate/principal.ts";
import type { LoadedKeySet } from "../authenticate/token.ts";
import { Authorizer } from "../authorize/authorize.ts";
import { tokenGate } from "../authorize/token-gate.ts";
import { ConfigurationHistory } from "../authorize/configuration-history.ts";
import type { Standing } from "../authorize/delegations.ts";
import { openPolicy } from "../authorize/policy-service.ts";
import { unseal, type OpenVault } from "../ceremonies/unseal.ts";
import { takeDueSteps } from "../duties/lifecycle.ts";
import { endDueNamespaces } from "../duties/namespaces.ts";
import type { Alerts } from "../duties/alerts.ts";
import { RetentionLedger } from "../duties/retention-ledger.ts";
import { passGates, type Gate } from "../gate.ts";
import { budgetGate } from "../limits/budget-gate.ts";
import { Budgets } from "../limits/budgets.ts";
import { concealed } from "../limits/namespace-gate.ts";
import { RateLimits, UNLIMITED } from "../limits/rate-limits.ts";
import { sessionLimits } from "../limits/session-limits.ts";
import { Monitor } from "../monitor.ts";
import type { Context } from "../operations/handler.ts";
import { EVERY_EVENT } from "../operations/handler.ts";
import { ListingCache, type ListReply } from "../operations/listing-cache.ts";
import { SoftwareProvider } from "../providers/software.ts";
import { StoredObjects } from "../objects/stored-objects.ts";
import { NO_RETENTION, retentionTags, type RetentionRules } from "../objects/retention.ts";
import type { SessionKeyRules } from "../objects/session-keys.ts";
import { memoryStore } from "../stores/memory.ts";
import type { Store } from "../stores/store.ts";

/** Who asks. */
export interface Caller {
  readonly roles?: readonly string[];
  /** Left out = all. */
  readonly namespaces?: readonly string[];
  readonly address?: string;
  readonly id?: string;
}

export class ClockedVault {
  /** Milliseconds since the epoch; the test moves it. */
  now = Date.parse("2030-01-01T00:00:00Z");
  readonly lines: string[] = [];
  readonly log: Logger = createLogger({ part: "vault", version: "0", level: "info", write: (line) => this.lines.push(line) });
  readonly store: Store;
  readonly files: FileLayer = memoryFiles();
  readonly #secret = randomBytes(32);
  /** Retention classes by tag, and what else counts. */
  readonly retention = new Map<string, number>();
  retentionRules: Partial<RetentionRules> = {};
  /** As the next {@link reopen} has it. */
  sessionKeyRules: SessionKeyRules = { most: 1000, idleMs: 3_600_000 };
  /** What a test puts here is asked about each permitted request. */
  readonly gates: Gate[] = [];
  /** Makes the sinks, when a test puts something here before it opens the vault anew. */
  sinks: ((vault: OpenVault) => Context["sinks"]) | undefined;
  /** Runs policy scripts, when a test puts something here before it opens the vault anew. */
  scripts: Context["scripts"];
  /** Of requests that come by {@link Monitor.answer}; a test that wants others puts them here before it reopens. */
  limits = new RateLimits(UNLIMITED);
  authenticator!: Authenticator;
  /** Dual control as the next {@link reopen} has it. */
  approvalsConfig: ApprovalsConfig = {
    rules: [],
    override: undefined,
    approverKeys: [],
    persons: {},
    keepClosedDays: 90,
    newKeysStaged: false,
  };
  readonly authorizer = new Authorizer({}, () => this.now);
  /** Who can be recalled when an approved request is performed. */
  readonly people = new Map<string, Principal>();
  approvals!: Approvals;
  budgets!: Budgets;
  /** What watches for trouble, when a test puts something here. */
  alerts: Pick<Alerts, "list"> | undefined;
  ledger!: RetentionLedger;
  readonly identityRules: Pick<IdentityOptions, "sessions" | "lockout" | "strength" | "webAuthn" | "pins"> = {
    sessions: {
      sessionMs: 3_600_000,
      accessTokenMs: 300_000,
      namespaceLimit: (namespace) => sessionLimits(new Map([["crowded", 2]]), this.vault.objects)(namespace),
      givesMore: (to, than) => this.authorizer.givesMore(to, than),
      named: (id) => this.authorizer.names(id),
      given: (federated) => givenBy(this.keySets.flatMap(({ oidc }) => oidc ?? []))(federated),
    },
    lockout: { maxAttempts: 5, lockoutMs: 300_000 },
    strength: { minLength: 8, strong: false },
    pins: { minLength: 8 },
    webAuthn: { rpId: "hsm.example.com", rpName: "Keystead", origins: ["https://hsm.example.com"] },
  };
  /** Who certificates must be from, and what verifies tokens besides sessions; a test fills them before it opens again. */
  readonly authorities: Authority[] = [];
  readonly keySets: LoadedKeySet[] = [];
  identity!: Identity;
  /** What somebody holds without a credential. */
  standing: Standing = () => undefined;
  /** The configuration as the next {@link reopen} has it, JSON; without one the vault keeps no history of it. */
  configuration: string | undefined;
  /** Of which so many are kept whoever accepted them; as many as elsewhere when left out. */
  configurationsKept: number | undefined;
  vault!: OpenVault;
  monitor!: Monitor;

  constructor(store: Store = memoryStore()) {
    this.store = store;
  }

  static async open(store?: Store): Promise<ClockedVault> {
    const made = new ClockedVault(store);
    await ClockedVault.begin(made);
    return made;
  }

  /** Opens a vault that was made ready by its test, with the namespace "default". */
  static async begin(made: ClockedVault): Promise<void> {
    await made.reopen();
    await made.ask(createNamespace, create(CreateNamespaceRequestSchema, { namespace: "default" }));
  }

  /** Ends the vault, if it runs, and opens it again: memory is forgotten, the store and the log are not. @param clean false = it crashes */
  async reopen(clean = true): Promise<void> {
    if (this.monitor !== undefined) {
      this.monitor.close();
      this.vault.sessionKeys.close();
      await this.approvals.close();
      if (clean) await this.vault.objects.recordUses(true);
      await this.vault.log.close();
      this.vault.objects.close();
    }
    const vault = await unseal(
      { method: "key", secret: Buffer.from(this.#secret), second: undefined },
      {
        store: this.store,
        files: this.files,
        auditPath: "/audit",
        syncMode: "none",
        cacheSizeBytes: 1 << 20,
        now: () => this.now,
        retention: { ...NO_RETENTION, tags: this.retention, ...this.retentionRules },
        sessionKeys: this.sessionKeyRules,
        newKeysStaged: this.approvalsConfig.newKeysStaged,
        onLogStopped: (error) => {
          throw error;
        },
      },
    );
    this.vault = vault;
    this.ledger = new RetentionLedger(this.files, "/data/retention-ledger", vault.hierarchy.auditMacKey);
    this.budgets = new Budgets(vault.documents, () => this.now);
    let settings = approvalSettings(this.approvalsConfig);
    const history = await ConfigurationHistory.open(
      vault.documents,
      () => this.now,
      () => {
        settings = approvalSettings(this.approvalsConfig);
        this.monitor.accepted("configuration");
      },
      this.configurationsKept,
    );
    const awaited = this.configuration === undefined ? undefined : await history.begin(this.configuration);
    if (awaited !== undefined) settings = settingsOf(history.acceptedLast() ?? "{}") ?? settings;
    this.approvals = openApprovals(() => settings, vault, this.log, {
      now: () => this.now,
      rolesIn: (principal, namespace, address) => [...this.authorizer.rolesOf(principal, namespace, address)],
      policyVersion: () => "1",
      recall: ({ id }) => this.people.get(id),
      possible: (operation) => this.monitor.possible(operation),
      perform: (operation, request, about) =>
        this.monitor.perform(operation, request, { ...about, deadline: Infinity, cancelled: () => false }),
    });
    const provider = new SoftwareProvider(2);
    this.identity = new Identity({
      documents: vault.documents,
      vaultId: vault.hierarchy.vaultId,
      ...this.identityRules,
      warn: (warning, token) => this.log.warn(warning, { token }),
      // The least that Argon2id may do: these tests hash hundreds of times. password.test.ts holds what is usual to another Argon2id.
      argon2: (password, params, sizeBytes, by) =>
        provider.derive(password, { name: "argon2id", params: { ...params, memoryKib: 19_456, iterations: 2 } }, sizeBytes, {
          principal: by,
          batch: false,
        }),
      verifyToken: (token) => this.authenticator.tokenIdentity(token),
      now: () => this.now,
    });
    const storedObjects = new StoredObjects(vault.documents, () => this.now);
    vault.objects.sharePlaces((namespace) => storedObjects.count(namespace));
    const context: Context = {
      alerts: () => this.alerts?.list() ?? [],
      configuration: history,
      approvals: this.approvals,
      policy: await openPolicy({
        documents: vault.documents,
        authorizer: this.authorizer,
        keyFacts: (namespace, keyId, principal) => vault.keysOf(principal).facts(namespace, keyId),
        standing: (id) => this.standing(id),
        now: () => this.now,
      }),
      auditBreak: {
        approvals: 2,
        found: () => undefined,
        acknowledge: () => Promise.reject(new HsmError("INVALID_REQUEST", "no damage of the audit log waits to be acknowledged")),
      },
      auditStreams: new AuditStreams({ log: vault.log, most: 8, now: () => this.now }),
      budgets: this.budgets,
      objects: vault.keysOf(),
      documents: vault.documents,
      storedObjects,
      proofs: new AuditProofs(vault.checkpoints, vault.tree),
      identity: this.identity,
      listings: new ListingCache<ListReply>(),
      provider,
      sinks: this.sinks?.(vault),
      scripts: this.scripts,
      rsaPkcs1Decryption: false,
      namespaceDeletion: { delaySeconds: 30 * 86_400, minDelaySeconds: 3600 },
      destruction: { delaySeconds: 7 * 86_400, minDelaySeconds: 0, graceSeconds: 86_400 },
      readAudit: () => Promise.reject(new TypeError("not in this vault")),
      status: () => {
        throw new TypeError("not in this vault");
      },
    };
    this.authenticator = new Authenticator({
      authorities: this.authorities,
      certificates: [],
      keySets: this.keySets,
      developmentPrincipal: "developer",
      now: () => this.now,
    });
    this.authenticator.useSessions(this.identity.sessions);
    this.monitor = new Monitor({
      authenticator: this.authenticator,
      authorizer: this.authorizer,
      limits: this.limits,
      gates: [
        this.authorizer.tags((principal) => [
          ...this.approvals.tagRules,
          ...this.identity.tokens.tagRules(principal),
          ...retentionTags({ ...NO_RETENTION, tags: this.retention, ...this.retentionRules }),
        ]),
        tokenGate,
        this.authorizer.approvals,
        (asked) => passGates(this.gates, asked),
        (asked) => this.approvals.gate(asked),
        budgetGate(() => this.budgets),
      ],
      bornAt: (namespace) => this.vault.objects.knownNamespace(namespace)?.createdAt,
      concealed: (principal, address) => concealed(this.vault.objects, principal, address),
      log: this.log,
      observe: () => undefined,
      self: () => Buffer.alloc(0),
      ceremonies: new Map(),
      closedContext: context,
    });
    this.monitor.open({ vault, context }, { configuration: awaited });
    for (const { namespace } of await vault.objects.namespaces()) await vault.objects.takeCensus(namespace);
  }

  /** Asks as a principal with these roles. @throws {HsmError} what the vault refuses with */
  async ask<I extends DescMessage, O extends DescMessage>(
    operation: Operation<I, O>,
    request: MessageInitShape<I>,
    roles: readonly string[] = ["Administrator"],
    name = "test",
  ): Promise<MessageShape<O>> {
    return this.askAs(ceremonyPrincipal(name, roles), operation, request, name);
  }

  /** Asks as this principal. @throws {HsmError} what the vault refuses with */
  async askAs<I extends DescMessage, O extends DescMessage>(
    principal: Principal,
    operation: Operation<I, O>,
    request: MessageInitShape<I>,
    requestId = "test",
  ): Promise<MessageShape<O>> {
    const reply = await this.monitor.perform(operation, create(operation.method.input, request), {
      principal,
      requestId,
      address: "",
      deadline: Infinity,
      cancelled: () => false,
    });
    return fromBinary(operation.method.output, reply);
  }

  /** Asks through the front door, as the gateway would, with what was seen of the caller. @throws {HsmError} */
  async over<I extends DescMessage, O extends DescMessage>(
    operation: Operation<I, O>,
    request: MessageInitShape<I>,
    seen: { readonly token?: string; readonly certificate?: Buffer; readonly address?: string; readonly trace?: string } = {},
  ): Promise<MessageShape<O>> {
    const { token = "", certificate = Buffer.alloc(0), address = "192.0.2.1", trace = "" } = seen;
    const body = Buffer.from(toBinary(operation.method.input, create(operation.method.input, request)));
    const reply = await this.monitor.answer({
      operation: operation.number,
      payload: encodeCall({ listener: LISTENER.tls, address, requestId: "over", trace, token, certificate }, body),
      deadline: Infinity,
      cancelled: false,
    } as IncomingCall);
    return fromBinary(operation.method.output, Buffer.concat([reply].flat()));
  }

  /** Asks as somebody who came over the line. @throws {HsmError} what the vault refuses with */
  async askFrom<I extends DescMessage, O extends DescMessage>(
    { roles = ["Administrator"], namespaces, address = "192.0.2.1", id = "token:somebody" }: Caller,
    operation: Operation<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const reply = await this.monitor.perform(operation, create(operation.method.input, request), {
      principal: {
        ...ceremonyPrincipal("", roles),
        id,
        method: "token",
        ...(namespaces === undefined ? {} : { namespaces: new Set(namespaces), defaultNamespace: namespaces[0] ?? "default" }),
      },
      requestId: "asked",
      address,
      deadline: Infinity,
      cancelled: () => false,
    });
    return fromBinary(operation.method.output, reply);
  }

  /** The code of the refusal, or OK. */
  async codeOf(asking: Promise<unknown>): Promise<string> {
    return asking.then(
      () => "OK",
      (error: { code: string }) => error.code,
    );
  }

  /** Lets time pass, and the duty come by. @returns the steps it took */
  async pass(milliseconds: number): Promise<number> {
    this.now += milliseconds;
    const taken = await takeDueSteps(
      this.vault.objects,
      (operation, request) => this.ask(operation, request as never, ["KeyAdmin"], "lifecycle"),
      this.ledger,
      this.log,
      () => true,
    );
    await endDueNamespaces(
      this.vault,
      (operation, request) => this.ask(operation, request as never, ["Administrator"], "namespace-deletion"),
      this.ledger,
      this.log,
      () => true,
    );
    return taken;
  }

  /** The events of the log so far, the oldest first. */
  async events(action?: string): Promise<ChainedEvent[]> {
    const { events } = await readEvents({
      files: this.files,
      path: "/audit",
      upTo: this.vault.log.sequence,
      newestFirst: false,
      after: 0,
      limit: 10_000,
      macKey: this.vault.hierarchy.auditMacKey,
      filter: { ...EVERY_EVENT, action: action ?? "" },
      hidden: new Set(),
    });
    return events.map(({ canonical }) => JSON.parse(canonical) as ChainedEvent);
  }
}
