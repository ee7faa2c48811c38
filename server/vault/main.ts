/**
 * The vault process, `keystead [vault]`: wires the rooms together and does nothing itself.
 *
 * Order at start: walls, configuration from the launcher, lock, store, authentication, unseal, channel. Order at
 * stop: no new requests, those under way answered, log and store closed. The process has no network, starts nothing
 * and loads no native code; what it is told comes over two descriptors, the launcher's and the gateway's.
 *
 * Long, because it is the list of what there is and of who is given what; it decides nothing.
 */
import child_process from "node:child_process";
import { mkdirSync } from "node:fs";
import { secureHeapUsed } from "node:crypto";
import { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { decodeFacts, type GatewayFacts } from "@keystead/channel/gateway-facts";
import { Inlet } from "@keystead/channel/inlet";
import { noTraffic, Peer } from "@keystead/channel/peer";
import type { VaultConfig } from "@keystead/contract/config";
import { HsmError, asHsmError } from "@keystead/contract/errors";
import { CreateNamespaceRequestSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { createLogger } from "@keystead/contract/logging";
import type { Operation } from "@keystead/contract/operation";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { SELF } from "@keystead/contract/operations/register";
import { VERSION } from "@keystead/contract/version";
import { requireStrength, type StrengthRules } from "@keystead/crypto/password-strength";
import { runSelfTests, type SelfTestReport } from "@keystead/crypto/self-tests/run";
import type { Approvals } from "./approvals/approvals.ts";
import { approvalSettings, openApprovals, settingsOf } from "./approvals/open-approvals.ts";
import { withArchive } from "./audit/archived-files.ts";
import { ANY_EVENT } from "./audit/audit-filter.ts";
import { openLogFiles } from "./audit/log-place.ts";
import { memoryFiles } from "./audit/memory-files.ts";
import { AuditProofs } from "./audit/proofs.ts";
import { readEvents } from "./audit/read.ts";
import { firstKept } from "./audit/segments.ts";
import { Witnesses } from "./audit/witnesses.ts";
import { AuditStreams } from "./audit/streams.ts";
import { Authenticator, ceremonyPrincipal } from "./authenticate/authenticate.ts";
import { givenBy } from "./authenticate/federation.ts";
import { Identity } from "./authenticate/identity.ts";
import type { Principal } from "./authenticate/principal.ts";
import { USUAL_PIN_CHARACTERS } from "./authenticate/tokens.ts";
import { Authorizer, type PolicyParts } from "./authorize/authorize.ts";
import { tokenGate } from "./authorize/token-gate.ts";
import { ConfigurationHistory } from "./authorize/configuration-history.ts";
import type { Standing } from "./authorize/delegations.ts";
import { checkFirstPolicy, putFirstPolicy } from "./authorize/first-policy.ts";
import { configuredStanding, openPolicy } from "./authorize/policy-service.ts";
import { phaseCeremonies } from "./ceremonies/phase-changes.ts";
import { configuredSecret, type PassedDescriptors } from "./ceremonies/secret.ts";
import { unseal, type OpenVault } from "./ceremonies/unseal.ts";
import { AuditBreaks } from "./duties/audit-breaks.ts";
import { keepAuditSegments } from "./duties/audit-segments.ts";
import { keepMixing, mixHardware } from "./duties/hardware-random.ts";
import { takeDueSteps, type Perform } from "./duties/lifecycle.ts";
import { endDueNamespaces } from "./duties/namespaces.ts";
import { finishRekey } from "./duties/rekey.ts";
import { RetentionLedger } from "./duties/retention-ledger.ts";
import { Measurements } from "./duties/measure.ts";
import { Alerts } from "./duties/alerts.ts";
import { Integrity } from "./duties/integrity.ts";
import { Soundness, type Examination } from "./duties/soundness.ts";
import { VaultTracer } from "./duties/trace.ts";
import { Sizes, type SizePaths } from "./duties/sizes.ts";
import { earlyMessages } from "./early-messages.ts";
import { budgetGate } from "./limits/budget-gate.ts";
import { Budgets } from "./limits/budgets.ts";
import { concealed, namespaceGate } from "./limits/namespace-gate.ts";
import { sessionLimits } from "./limits/session-limits.ts";
import { RateLimits } from "./limits/rate-limits.ts";
import { Monitor } from "./monitor.ts";
import { parseHeader, type UnsealSecret } from "./objects/hierarchy.ts";
import { StoredObjects } from "./objects/stored-objects.ts";
import { retentionTags } from "./objects/retention.ts";
import { retentionRules } from "./objects/retention-settings.ts";
import type { PolicyControl } from "./operations/policy-control.ts";
import { ListingCache, type ListReply } from "./operations/listing-cache.ts";
import { closedContext, type AlwaysThere, type OpenRooms } from "./operations/open-alone.ts";
import type { Context, StatusFacts } from "./operations/handler.ts";
import { ConnectorLine } from "./outside/connector-line.ts";
import { SoftwareProvider } from "./providers/software.ts";
import { ScriptRunner } from "./scripts/runner.ts";
import { ScriptGate } from "./scripts/script-gate.ts";
import { DeliveryLine } from "./sinks/delivery-line.ts";
import { Sinks } from "./sinks/sinks.ts";
import { StandingFiles } from "./sinks/standing.ts";
import { lockFolder } from "./stores/lock.ts";
import { openStore } from "./stores/open-store.ts";
import { Trust } from "./trust.ts";
import { refuseLinks, requireWalls } from "./walls.ts";

/** How long what the gateway said of itself counts. */
const FACTS_MS = 60_000;
/** What a crash may lose of last uses and counts. */
const RECORD_USES_MS = 60_000;
const MOST_EVENTS_OF_MAKING = 256;
/** The shortest PIN of a token in development. */
const DEVELOPMENT_PIN_CHARACTERS = 4;

/** How long a session key may outlive its idle time, or a session that ended by itself. */
const SWEEP_SESSION_KEYS_MS = 10_000;
/** How often it is looked whether a segment of the audit log has ended. */
const KEEP_SEGMENTS_MS = 10_000;

/** Who takes the steps of keys' lives that are due: it may do what a KeyAdmin may. */
const LIFECYCLE = ceremonyPrincipal("lifecycle", ["KeyAdmin"]);
/** Who makes what the configuration names. */
const CONFIGURATION = ceremonyPrincipal("configuration", ["Administrator"]);
/** Who destroys namespaces whose deletion is due. */
const NAMESPACE_END = ceremonyPrincipal("namespace-deletion", ["Administrator"]);
/** Who goes on with a rekey that somebody began. */
const REKEY = ceremonyPrincipal("rekey", ["Administrator"]);

/** What the launcher sends first. */
interface StartMessage {
  readonly kind: "start";
  readonly config: VaultConfig;
  /** The whole configuration of this start, JSON: what its history keeps. */
  readonly recorded: string;
  /** True when the gateway runs already and this side was handed nothing: it speaks first (ARCHITECTURE.md "What runs"). */
  readonly speaksFirst: boolean;
  /** Each process has a user of its own. */
  readonly ownUsers: boolean;
  readonly descriptors: PassedDescriptors;
  /** Descriptor of the hardware random source in this process, when there is one. */
  readonly hardwareRandom?: number;
}

process.title = "keystead [vault]";
// SQLite makes its files readable to everybody otherwise.
process.umask(0o077);
// The only function that adopts a channel from the environment; nothing here may ever fork.
delete (child_process as { _forkChild?: unknown })._forkChild;

process.on("SIGINT", () => undefined);
/** Whether private keys are in locked memory; the launcher hears it when they are not. */
let memoryLocked = true;
process.on("message", (message: { kind: string }) => {
  if (message.kind === "memory-not-locked") memoryLocked = false;
});
process.on("message", function begin(message: StartMessage) {
  if (message.kind !== "start") return;
  process.off("message", begin);
  start(message).catch((error: unknown) => {
    const known = asHsmError(error);
    process.stderr.write(`keystead [vault]: ${known.detail}${known.cause instanceof Error ? `: ${known.cause.message}` : ""}\n`);
    process.exit(known.code === "INTERNAL" ? 70 : 78);
  });
});

async function start({ config, recorded, speaksFirst, ownUsers, descriptors, hardwareRandom }: StartMessage): Promise<void> {
  const takeFromLauncher = earlyMessages(process);
  const log = createLogger({ part: "vault", version: VERSION, level: config.logLevel, write: (line) => process.stdout.write(line) });
  process.on("uncaughtException", (error) => {
    log.error("uncaught; the vault stops", {}, error);
    process.exit(70);
  });
  requireWalls();
  const inMemory = config.storage.backend === "memory";
  const startedAt = performance.now();
  const now = (): number => Date.now();
  const strength: StrengthRules = { minLength: config.minPassphraseLength, strong: config.requireStrongPassphrase };
  let lock: { release(): void } | undefined;
  if (!inMemory) {
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    refuseLinks(config.dataDir);
    lock = lockFolder(join(config.dataDir, "vault.lock"));
  }
  const store = openStore(config, (error) => log.error("the key store's files cannot be brought up to date", {}, error));
  const plainFiles = inMemory ? { ...memoryFiles(), close: () => undefined } : openLogFiles(config.audit.store, config.audit.path);
  const files = withArchive(plainFiles, config.audit.archivePath);
  const provider = new SoftwareProvider(config.limits.poolJobs || availableParallelism());
  const connector = new ConnectorLine();
  const witnesses = new Witnesses(config.audit.witnesses, {
    log: () =>
      monitor.parts === undefined ? undefined : { checkpoints: monitor.parts.vault.checkpoints, proofs: monitor.parts.context.proofs },
    fetch: (question) => connector.fetch(question),
    onTrouble: (witness, error) => log.warn("a witness did not cosign", { witness, detail: asHsmError(error).detail }),
  });
  connector.onJoin(() => witnesses.made());
  const trust = new Trust(config.auth, log, connector);
  const authenticator = new Authenticator({
    authorities: trust.authorities(),
    certificates: config.auth.certificates,
    revocation: trust.revocation,
    unknownKey: trust.unknownKey,
    keySets: trust.keySets(),
    developmentPrincipal: config.auth.developmentPrincipal,
    now,
  });
  const limits = new RateLimits(config.limits.rates);
  const retention = retentionRules(config.lifecycle);
  const retainedTags = retentionTags(retention);
  const approvalsConfigured = approvalSettings(config.approvals);
  const scripts = config.scripts.enabled
    ? new ScriptRunner({
        want: () => process.send?.({ kind: "want-scripts" }),
        end: () => process.send?.({ kind: "end-scripts" }),
        log,
      })
    : undefined;
  const deliveries = new DeliveryLine({
    want: () => process.send?.({ kind: "want-deliver" }),
    end: () => process.send?.({ kind: "end-deliver" }),
    log,
  });
  const scriptGate = new ScriptGate({ runner: scripts, log, now });
  const authorizer = new Authorizer(config.namespaces, now);
  const tracer = config.tracing === undefined ? undefined : new VaultTracer(config.tracing.names);
  const sizes = new Sizes(inMemory ? undefined : sizePaths(config));
  const traffic = noTraffic();
  const measurements = new Measurements(config.histogramBuckets, {
    phase: () => monitor.phase,
    alerts: () => alerts,
    limits,
    authenticator,
    provider,
    scripts: scriptGate,
    sizes,
    traffic,
    channel: () => ({ inFlight: peer?.answering ?? 0, waitingBytes: peer?.waitingBytes ?? 0 }),
    breakers: () => connector.breakers,
  });
  let gatewayFacts: { readonly facts: GatewayFacts; readonly at: number } | undefined;
  const alerts = new Alerts({
    config: config.alerts,
    log,
    now,
    sources: {
      window: () => measurements.window.take(),
      saturation: () => (peer?.answering ?? 0) / config.limits.maxInFlight,
      disks: () => sizes.refresh().then(() => sizes.facts.disks),
      // What was acknowledged, or put back, alarms nobody any more.
      violations: () => (integrity.steps.length === 0 ? 0 : measurements.violations),
      integrity: () => integrity.state,
      sinks: () => (monitor.parts === undefined ? undefined : [...(feeding?.census().values() ?? [])]),
      gateway: () => (gatewayFacts === undefined || now() - gatewayFacts.at > FACTS_MS ? undefined : gatewayFacts.facts),
    },
  });
  const keepFacts = (payload: Buffer): Buffer => {
    gatewayFacts = { facts: decodeFacts(payload), at: now() };
    return Buffer.alloc(0);
  };
  const watching = config.alerts.enabled ? setInterval(() => void alerts.look(), config.alerts.intervalSeconds * 1000).unref() : undefined;
  const collect = (): void => void Promise.all([sizes.refresh(), connector.refreshBreakers()]);
  collect();
  const collecting = setInterval(collect, config.collectionIntervalSeconds * 1000).unref();
  let peer: Peer | undefined;
  const integrity = new Integrity({
    log,
    count: () => measurements.integrityViolation(),
    stop: (reason) => monitor.stop(reason),
    remember: () => breaks.remember(),
  });
  const breaks = new AuditBreaks({
    files: plainFiles,
    path: config.audit.path,
    archiveFolder: config.audit.archivePath,
    approvals: config.audit.breakApprovals,
    acknowledged(segments) {
      integrity.acknowledged(segments);
      monitor.accepted("auditBreak");
      log.warn("the vault goes on without damaged segments of the audit log", { segments });
      lifted?.();
    },
  });
  const soundness = new Soundness({
    files,
    auditPath: config.audit.path,
    store,
    log,
    integrity,
    breaks,
    isOpen: (vault) => monitor.parts?.vault === vault,
  });
  /** Begins the work of the open vault, if nothing is waited for any more. */
  let lifted: (() => void) | undefined;
  let selfTests: SelfTestReport | undefined;

  const status = (): StatusFacts => ({
    phase: monitor.phase,
    uptimeSeconds: (performance.now() - startedAt) / 1000,
    preset: config.preset,
    auditSequence: monitor.parts?.vault.log.sequence ?? 0,
    auditSyncMode: config.audit.syncMode,
    auditIntegrity: integrity.state,
    auditFirstBadSequence: integrity.firstBadSequence,
    maintenanceSteps: integrity.steps,
    auditVerifierKey: monitor.parts?.vault.checkpoints.keyText ?? "",
    auditCheckpointSize: monitor.parts?.vault.checkpoints.latest()?.size ?? 0,
    maintenance: monitor.phase === "maintenance" ? (monitor.maintenance?.detail ?? "") : "",
    store: store.name,
    isolation: ownUsers ? "own_users" : "permission_model_only",
    memoryLocked: memoryLocked && secureHeapUsed() !== undefined,
    selfTests,
    rekey: monitor.parts?.vault.rekeying.progress,
  });
  const identityOf = (vault: OpenVault): Identity =>
    new Identity({
      documents: vault.documents,
      vaultId: vault.hierarchy.vaultId,
      sessions: {
        sessionMs: config.sessions.sessionSeconds * 1000,
        accessTokenMs: config.sessions.accessTokenSeconds * 1000,
        givesMore: (to, than) => authorizer.givesMore(to, than),
        named: (id) => authorizer.names(id),
        given: givenBy(config.auth.oidcProviders),
        namespaceLimit: sessionLimits(
          new Map(
            Object.entries(config.namespaces).flatMap(([name, { maxConcurrentSessions: most }]) =>
              most === undefined ? [] : [[name, most]],
            ),
          ),
          vault.objects,
        ),
      },
      lockout: { maxAttempts: config.sessions.maxAuthAttempts, lockoutMs: config.sessions.lockoutSeconds * 1000 },
      strength,
      webAuthn: config.sessions.webAuthn,
      pins: { minLength: config.preset === "development" ? DEVELOPMENT_PIN_CHARACTERS : USUAL_PIN_CHARACTERS },
      warn: (warning, token) => log.warn(warning, { token }),
      argon2: (password, params, sizeBytes, by) =>
        provider.derive(password, { name: "argon2id", params }, sizeBytes, { principal: by, batch: false }),
      verifyToken: (token) => authenticator.tokenIdentity(token),
      now,
    });
  const contextOf = (vault?: OpenVault, rooms?: OpenRooms): Context => {
    const always: AlwaysThere = {
      provider,
      scripts,
      rsaPkcs1Decryption: config.rsaPkcs1Decryption,
      namespaceDeletion: {
        delaySeconds: config.lifecycle.namespaceDeletionDelaySeconds,
        minDelaySeconds: config.lifecycle.minNamespaceDeletionDelaySeconds,
      },
      destruction: {
        delaySeconds: config.lifecycle.destructionDelaySeconds,
        minDelaySeconds: config.lifecycle.minDestructionDelaySeconds,
        graceSeconds: config.lifecycle.purgeGraceSeconds,
      },
      status,
      alerts: () => alerts.list(),
      async readAudit(query) {
        if (vault === undefined) throw new HsmError("VAULT_SEALED", "the vault is sealed");
        const { events, next } = await readEvents({
          files,
          path: config.audit.path,
          macKey: vault.hierarchy.auditMacKey,
          upTo: vault.log.sequence,
          newestFirst: query.newestFirst,
          after: query.after,
          limit: query.limit,
          filter: query.filter,
          hidden: query.hidden,
        });
        return { events, next };
      },
    };
    return rooms === undefined ? closedContext(always) : { ...always, ...rooms };
  };

  /** What the server itself records while it makes a vault is little. */
  const usedBySomebody = async ({ log: { sequence: upTo }, hierarchy: { auditMacKey: macKey } }: OpenVault): Promise<boolean> => {
    if (upTo > MOST_EVENTS_OF_MAKING) return true;
    const all = { filter: ANY_EVENT, hidden: { has: () => false }, newestFirst: false, after: 0, limit: upTo };
    const { events } = await readEvents({ files, path: config.audit.path, macKey, upTo, ...all });
    return events.length < upTo || events.some(({ event }) => event.authentication !== "ceremony");
  };
  let closing = Promise.resolve();
  let feeding: Sinks | undefined;
  const open = async (secret: UnsealSecret): Promise<void> => {
    // The phase is sealed before the log is closed: two writers must never meet on one segment.
    await closing;
    if (secret.method === "passphrase" && store.header() === undefined) requireStrength(secret.secret, strength, "passphrase");
    if (store.header() === undefined) await checkFirstPolicy(config);
    const vault = await unseal(secret, {
      store,
      files,
      auditPath: config.audit.path,
      syncMode: config.audit.syncMode,
      audit: config.audit,
      onCheckpointTrouble: (error) => log.error("a checkpoint of the audit log could not be written", {}, error),
      cacheSizeBytes: config.storage.cacheSizeBytes,
      now,
      newKeysStaged: config.approvals.newKeysStaged,
      weakerWrapping: config.weakerWrapping,
      sessionKeys: { most: config.sessionKeys.most, idleMs: config.sessionKeys.idleSeconds * 1000 },
      retention,
      auditObserver: measurements.auditObserver,
      onLogStopped: (error) => {
        log.error("the audit log stopped", {}, error);
        if (error.code === "INTEGRITY_FAILURE") integrity.damaged(error);
        else monitor.stop(error);
      },
    });
    integrity.begin();
    if (vault.cutBytes > 0 || vault.replayedLines > 0)
      log.warn("the audit log was mended after an unclean stop", { cutBytes: vault.cutBytes, replayedLines: vault.replayedLines });
    const listings = new ListingCache<ListReply>();
    const identity = identityOf(vault);
    const configured = standingOf(config);
    let policy: PolicyControl;
    let configuration: ConfigurationHistory;
    let awaited: HsmError | undefined;
    let examination: Examination | undefined;
    let approvalsInForce = approvalsConfigured;
    try {
      // Where damage was found before, nothing is begun before all of it is known.
      examination = await soundness.examine(vault);
      configuration = await ConfigurationHistory.open(vault.documents, now, () => {
        approvalsInForce = approvalsConfigured;
        monitor.accepted("configuration");
        lifted?.();
      });
      awaited = await configuration.begin(recorded);
      if (awaited !== undefined) approvalsInForce = settingsOf(configuration.acceptedLast() ?? "{}") ?? approvalsConfigured;
      const keyFacts: PolicyParts["keyFacts"] = (namespace, keyId, principal) => vault.keysOf(principal).facts(namespace, keyId);
      // Users, service accounts and PINs of tokens hold what their records say, for as long as they are there.
      const standing: Standing = (id) =>
        configured(id) ?? (/^(?:user|service|token):/.test(id) ? (identity.sessions.principalNow(id) ?? "gone") : undefined);
      policy = await openPolicy({ documents: vault.documents, authorizer, keyFacts, standing, now });
      const firstConfiguration = configuration.isFirst;
      await putFirstPolicy(config, { vault, policy, firstConfiguration, used: () => usedBySomebody(vault), author: CONFIGURATION }, log);
    } catch (error) {
      await vault.log.close();
      vault.objects.close();
      throw error;
    }
    const approvals = openApprovals(() => approvalsInForce, vault, log, {
      now,
      rolesIn: (principal, namespace, address) => [...authorizer.rolesOf(principal, namespace, address)],
      policyVersion: () => `${approvalsInForce.version} policy:${policy.inForce()?.digest ?? "none"}`,
      recall: (requester) => (requester.id === LIFECYCLE.id ? LIFECYCLE : authenticator.recall(requester)),
      possible: (operation) => monitor.parts?.vault === vault && monitor.possible(operation),
      perform(operation, request, about) {
        if (monitor.parts?.vault !== vault) throw new HsmError("VAULT_SEALED", "the vault is not open");
        return monitor.perform(operation, request, { ...about, deadline: Infinity, cancelled: () => false });
      },
    });
    authenticator.useSessions(identity.sessions);
    const budgets = new Budgets(vault.documents, now);
    const { documents } = vault;
    const objects = vault.keysOf();
    const auditStreams = new AuditStreams({ log: vault.log, most: config.audit.maxStreams, now });
    const sinks = config.sinks.enabled
      ? new Sinks({
          documents,
          auditLog: vault.log,
          standings: new StandingFiles({ files, folder: config.dataDir, macKey: vault.hierarchy.auditMacKey }),
          line: deliveries,
          log,
          firstKept: (from) => firstKept(files, config.audit.path, from),
          onDamage: (error) => {
            if (monitor.parts?.vault === vault) integrity.damaged(error);
          },
          source: `urn:keystead:${vault.hierarchy.vaultId}`,
          now,
        })
      : undefined;
    feeding = sinks;
    const proofs = new AuditProofs(vault.checkpoints, vault.tree);
    vault.checkpoints.onMade(() => witnesses.made());
    const storedObjects = new StoredObjects(documents, now);
    vault.objects.sharePlaces((namespace) => storedObjects.count(namespace));
    const rooms: OpenRooms = {
      auditBreak: breaks,
      auditStreams,
      objects,
      documents,
      storedObjects,
      listings,
      identity,
      approvals,
      policy,
      budgets,
      configuration,
      proofs,
      sinks,
    };
    const waitsFor = examination === undefined ? undefined : soundness.judge(examination);
    monitor.open({ vault, context: contextOf(vault, rooms) }, { configuration: awaited, auditBreak: waitsFor });
    scriptGate.open(vault);
    alerts.open(vault, () => monitor.parts?.vault === vault && monitor.phase === "open");
    measurements.watch({ vault, listings, approvals, budgets, sinks, sessions: identity.sessions });
    const stillHere = (): boolean => monitor.parts?.vault === vault && monitor.phase === "open";
    const notBegun = (error: unknown): void => {
      const known = asHsmError(error);
      log.error("work could not be begun after the configuration was accepted", {}, known);
      if (known.code === "INTEGRITY_FAILURE" && monitor.parts?.vault === vault) integrity.damaged(known);
    };
    /** What the vault does of its own accord: only with an accepted configuration. */
    const beginWork = async (): Promise<void> => {
      if (!stillHere()) return;
      await makeNamespaces(monitor, vault, config);
      countInBackground(vault)
        .then(() => (monitor.parts?.vault === vault ? beginDuties(vault) : undefined))
        .then(() => fileOldKeys(vault, () => monitor.parts?.vault === vault && monitor.phase === "open"))
        .catch((error: unknown) => {
          const known = asHsmError(error);
          log.error("the keys could not be counted and filed", {}, known);
          if (known.code === "INTEGRITY_FAILURE" && monitor.parts?.vault === vault) integrity.damaged(known);
        });
      watchApprovals(vault, approvals);
      if (!vault.rekeying.complete) goOnWithRekey(vault);
      sinks?.start();
      log.info("working");
    };
    // After what was agreed to is recorded and answered.
    lifted = () => void setImmediate(() => void beginWork().catch(notBegun));
    if (awaited === undefined && waitsFor === undefined) await beginWork();
    else {
      watchApprovals(vault, approvals);
      log.warn("in maintenance", { reason: (waitsFor ?? awaited)?.detail });
    }
    log.info("unsealed", { vaultId: vault.hierarchy.vaultId, created: vault.created, events: vault.log.sequence });
    keepSegments(vault);
    clearInterval(sweeping);
    sweeping = setInterval(() => vault.sessionKeys.sweep(), SWEEP_SESSION_KEYS_MS).unref();
    if (examination === undefined) void soundness.watch(vault);
  };
  const performAs = <I extends DescMessage>(principal: Principal, operation: Operation<I>, request: MessageShape<I>): Promise<unknown> =>
    monitor.perform(operation, request, {
      principal,
      requestId: principal.id.slice("ceremony:".length),
      address: "",
      deadline: Infinity,
      cancelled: () => false,
    });
  const perform: Perform = (operation, request) => performAs(LIFECYCLE, operation, request);
  let rekey: Promise<unknown> | undefined;
  const goOnWithRekey = (vault: OpenVault): void => {
    rekey ??= finishRekey(
      () => vault.rekeying.complete,
      (operation, request) => performAs(REKEY, operation, request),
      log,
      () => monitor.parts?.vault === vault && monitor.phase === "open",
    ).finally(() => (rekey = undefined));
  };
  let duties: NodeJS.Timeout | undefined;
  let onDuty: Promise<unknown> | undefined;
  let recording: NodeJS.Timeout | undefined;
  let keeping: NodeJS.Timeout | undefined;
  let sweeping: NodeJS.Timeout | undefined;
  const ledgers: RetentionLedger[] = [];
  let onRecord: Promise<unknown> | undefined;
  const beginDuties = (vault: OpenVault): void => {
    const wanted = (): boolean => monitor.parts?.vault === vault && monitor.phase === "open";
    let ledger: RetentionLedger;
    try {
      ledger = new RetentionLedger(files, join(config.dataDir, "retention-ledger"), vault.hierarchy.auditMacKey);
    } catch (error) {
      log.error("the retention ledger cannot be trusted", {}, error);
      const known = asHsmError(error);
      if (known.code === "INTEGRITY_FAILURE") integrity.damaged(known);
      else monitor.stop(known);
      return;
    }
    ledgers.push(ledger);
    duties = setInterval(() => {
      onDuty ??= takeDueSteps(vault.objects, perform, ledger, log, wanted)
        .then(() => endDueNamespaces(vault, (operation, request) => performAs(NAMESPACE_END, operation, request), ledger, log, wanted))
        .then(() => monitor.parts?.context.identity.sessions.endExpired(wanted))
        .catch((error: unknown) => log.error("the duties of keys' and sessions' lives could not be done", {}, error))
        .finally(() => (onDuty = undefined));
    }, config.lifecycle.intervalSeconds * 1000).unref();
    recording = setInterval(() => {
      if (wanted()) onRecord ??= recordUses(vault, false).finally(() => (onRecord = undefined));
    }, RECORD_USES_MS).unref();
  };
  const recordUses = (vault: OpenVault, last: boolean): Promise<void> =>
    vault.objects.recordUses(last).catch((error: unknown) => log.error("uses of keys could not be recorded", {}, error));
  let waiting: { readonly approvals: Approvals; readonly timer: NodeJS.Timeout } | undefined;
  /** Goes on with what was approved before the vault was opened, and sees to it that nothing waits for ever. */
  const watchApprovals = (vault: OpenVault, approvals: Approvals): void => {
    const look = (): void => {
      if (monitor.parts?.vault !== vault) return;
      // Before its configuration is accepted the vault ends and forgets nothing by it.
      (monitor.phase === "open" ? approvals.tick() : approvals.resume()).catch((error: unknown) =>
        log.error("requests that wait for approval could not be looked after", {}, error),
      );
    };
    clearInterval(waiting?.timer);
    waiting = { approvals, timer: setInterval(look, config.lifecycle.intervalSeconds * 1000).unref() };
    look();
  };
  /** @param stopping the process ends: nobody asked for that, so it is recorded here */
  const closeParts = (stopping = false): Promise<void> => {
    clearInterval(duties);
    clearInterval(recording);
    clearInterval(keeping);
    clearInterval(waiting?.timer);
    clearInterval(sweeping);
    const performing = waiting?.approvals.close();
    const alertsClosed = alerts.close();
    const delivering = feeding?.close();
    feeding = undefined;
    waiting = undefined;
    const parts = monitor.parts;
    monitor.close();
    parts?.vault.sessionKeys.close();
    authenticator.useSessions(undefined);
    parts?.context.identity.close();
    parts?.context.auditStreams.close();
    authorizer.use(undefined);
    closing = closing.then(async () => {
      await Promise.all([onDuty, onRecord, rekey, performing, alertsClosed, delivering]);
      for (const ledger of ledgers.splice(0)) ledger.close();
      // A log that stopped takes nothing more.
      if (parts !== undefined && parts.vault.log.stopped === undefined) {
        await recordUses(parts.vault, true);
        if (stopping)
          await parts.vault
            .note("stop", "CloseVault", "stop")
            .catch((error: unknown) => log.error("the end could not be recorded", {}, error));
      }
      await parts?.vault.log.close();
      parts?.vault.objects.close();
    });
    return closing;
  };
  /** Looks after the segments of the audit log that have ended, from now on. */
  const keepSegments = (vault: OpenVault): void => {
    let under: Promise<unknown> | undefined;
    const keep = (): void => {
      under ??= keepAuditSegments({
        config: config.audit,
        files,
        plainFiles,
        macKey: vault.hierarchy.auditMacKey,
        auditLog: vault.log,
        wanted: () => monitor.parts?.vault === vault,
        // Nothing is moved or deleted while log or store cannot be trusted.
        trusted: () => monitor.phase === "open",
        now,
        log,
      }).finally(() => (under = undefined));
    };
    clearInterval(keeping);
    keeping = setInterval(keep, KEEP_SEGMENTS_MS).unref();
    keep();
  };
  const monitor: Monitor = new Monitor({
    authenticator,
    authorizer,
    limits,
    gates: [
      namespaceGate(() => monitor.parts?.vault.objects, limits),
      authorizer.tags((principal) => [
        ...(monitor.parts?.context.approvals.tagRules ?? []),
        ...(monitor.parts?.context.identity.tokens.tagRules(principal) ?? []),
        ...scriptGate.tagRules(),
        ...retainedTags,
      ]),
      tokenGate,
      authorizer.approvals,
      breaks.gate,
      scriptGate.gate,
      (asked) => monitor.parts?.context.approvals.gate(asked),
      // The last: what others still have to agree to has used nothing yet.
      budgetGate(() => monitor.parts?.context.budgets),
    ],
    bornAt: (namespace) => monitor.parts?.vault.objects.knownNamespace(namespace)?.createdAt,
    concealed: (principal, address) => concealed(monitor.parts?.vault.objects, principal, address),
    log,
    closedContext: contextOf(),
    observe: (operation, namespace, outcome, seconds) => measurements.operation(operation, namespace, outcome, seconds),
    ...(tracer === undefined ? {} : { traced: tracer.follow.bind(tracer) }),
    self: (question, payload) =>
      question === SELF.facts
        ? keepFacts(payload)
        : question === SELF.spans
          ? Buffer.from(JSON.stringify(tracer?.buffer.take().spans ?? []), "utf8")
          : question === SELF.health
            ? Buffer.from(
                JSON.stringify({
                  phase: monitor.phase,
                  ready: monitor.phase === "open",
                  version: VERSION,
                  uptimeSeconds: Math.floor((performance.now() - startedAt) / 1000),
                }),
                "utf8",
              )
            : Buffer.from(JSON.stringify(measurements.samples()), "utf8"),
    ceremonies: phaseCeremonies({
      method() {
        const text = store.header();
        if (text === undefined) return config.unseal.method === "passphrase" ? "passphrase" : "key";
        try {
          return parseHeader(text).method;
        } catch (error) {
          throw integrity.met(error);
        }
      },
      open: (secret) =>
        open(secret).catch((error: unknown) => {
          throw integrity.met(error);
        }),
      phase: () => monitor.phase,
      rekeying: () => monitor.parts?.vault.rekeying,
      rekeyBegun: () => {
        const vault = monitor.parts?.vault;
        // After the beginning is recorded.
        if (vault !== undefined) setImmediate(() => goOnWithRekey(vault));
      },
      acceptPassphrase: (passphrase) => requireStrength(passphrase, strength, "passphrase"),
      closeSoon: () => {
        setImmediate(() => void closeParts());
      },
    }),
  });

  try {
    if (hardwareRandom !== undefined) {
      await mixHardware(hardwareRandom);
      keepMixing(hardwareRandom, (error) => monitor.fail(error));
    }
    selfTests = await runSelfTests();
    requirePassed(selfTests);
    const secret = configuredSecret(config.unseal, descriptors);
    if (secret === undefined) log.warn("the vault starts sealed");
    else {
      await open(secret);
      // Nobody asked for it, and keys can be used from now on.
      await monitor.parts?.vault.note("start", "OpenVault", "start");
    }
  } catch (error) {
    const known = asHsmError(error);
    log.error("the vault could not be opened", {}, known);
    integrity.progress(known.detail);
    if (known.code === "SELF_TEST_FAILED") monitor.fail(known);
    integrity.met(known);
  }
  if (!memoryLocked) log.warn("private keys are not in locked memory; raise LimitMEMLOCK");

  const join_ = (socket: Socket, first: boolean, inlet?: Inlet): void => {
    peer?.destroy();
    const joined: Peer = new Peer(socket, {
      ...(inlet === undefined ? {} : { inlet }),
      answer: (call) => monitor.answer(call),
      speaksFirst: first,
      maxInFlight: config.limits.maxInFlight,
      traffic,
      onEnd: (reason) => {
        if (reason !== undefined) log.error("the gateway was cut off", {}, reason);
        if (peer === joined) process.send?.({ kind: "peer-ended" });
      },
    });
    peer = joined;
  };
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    clearInterval(collecting);
    clearInterval(watching);
    await peer?.drain();
    scripts?.close();
    await closeParts(true);
    store.close();
    plainFiles.close();
    lock?.release();
    log.info("stopped");
    // Written before the pipe closes: exit waits for nothing.
    process.stdout.write("", () => process.exit(0));
  };
  takeFromLauncher((message, handle) => {
    if (message.kind === "drain") return void stop();
    if (message.kind !== "join" || !isPipe(handle)) return destroyHandle(handle);
    if (message.part === "scripts") return scripts === undefined ? destroyHandle(handle) : scripts.join(handle);
    if (message.part === "connector fetch") return connector.join(handle);
    if (message.part === "connector deliver") return deliveries.join(handle);
    join_(handle, true);
  });
  process.on("disconnect", () => void stop());
  process.on("SIGTERM", () => void stop());
  const inlet = new Inlet();
  join_(new Socket({ fd: 3, readable: true, writable: true, onread: inlet.onread }), speaksFirst, inlet);
  trust.watch(authenticator);
  process.send?.({ kind: "ready", phase: monitor.phase });
}

/** What the configuration gives to certificates and to callers without a login: it holds whether or not they are here. */
const standingOf = ({ auth }: VaultConfig): ReturnType<typeof configuredStanding> =>
  configuredStanding([
    ...auth.certificates.map(({ principal, roles, namespaces }) => ({ id: `cert:${principal}`, roles, namespaces })),
    ...(auth.developmentPrincipal === undefined ? [] : [{ id: auth.developmentPrincipal, roles: ["Administrator"], namespaces: ["*"] }]),
  ]);

/** Where what grows lies. */
const sizePaths = ({ dataDir, storage, audit }: VaultConfig): SizePaths => ({
  database: storage.backend === "sqlite" ? storage.sqlitePath : undefined,
  dataDir,
  auditPath: audit.path,
});

/** Quotas, metrics and duties need to know all keys; nobody waits for it who does not ask. */
async function countInBackground({ objects }: OpenVault): Promise<void> {
  for (const { namespace } of await objects.namespaces()) await objects.takeCensus(namespace);
}

/** Keys of former versions get their place in the store's index. */
async function fileOldKeys({ objects }: OpenVault, wanted: () => boolean): Promise<void> {
  for (const { namespace } of await objects.namespaces()) await objects.fileOldKeys(namespace, wanted);
}

/** The namespaces of the configuration, made on first sight, through the same door as everybody's. */
async function makeNamespaces(monitor: Monitor, vault: OpenVault, config: VaultConfig): Promise<void> {
  const known = new Set((await vault.objects.namespaces()).map(({ namespace }) => namespace));
  for (const [namespace, { description, maxKeys }] of Object.entries(config.namespaces)) {
    if (known.has(namespace)) continue;
    await monitor.perform(createNamespace, create(CreateNamespaceRequestSchema, { namespace, description, maxKeys }), {
      principal: CONFIGURATION,
      requestId: "configuration",
      address: "",
      deadline: Infinity,
      cancelled: () => false,
    });
  }
}

/** @throws {HsmError} SELF_TEST_FAILED naming what failed */
function requirePassed({ results }: SelfTestReport): void {
  const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
  if (failed.length > 0) throw new HsmError("SELF_TEST_FAILED", `the self-test of ${failed.join(", ")} failed`);
}

/** A pipe the launcher made; nothing else is ever accepted. */
function isPipe(handle: unknown): handle is Socket {
  return (
    handle instanceof Socket && (handle as unknown as { _handle?: { constructor: { name: string } } })._handle?.constructor.name === "Pipe"
  );
}

function destroyHandle(handle: unknown): void {
  (handle as { destroy?: () => void } | undefined)?.destroy?.();
}
