/**
 * The unseal ceremony: from the operator's secret to a vault that can work.
 *
 * In order: open (or, once, make) the root key; recover the audit log; wire records and objects to it. Nothing is
 * served before all of it succeeded.
 */
import { HsmError } from "@keystead/contract/errors";
import type { SyncMode } from "@keystead/contract/config";
import { CheckpointFile } from "../audit/checkpoint-file.ts";
import { Checkpoints } from "../audit/checkpoints.ts";
import { AuditLog, type AuditObserver } from "../audit/log.ts";
import { LogTree } from "../audit/log-tree.ts";
import { TreeFiles } from "../audit/tree-files.ts";
import type { FileLayer } from "../audit/file-layer.ts";
import { listSegments } from "../audit/segments.ts";
import type { EventFields } from "../audit/event.ts";
import { recoverLog } from "../audit/recover.ts";
import { createVault, openVault, parseHeader, type OpenHierarchy, type UnsealSecret } from "../objects/hierarchy.ts";
import { ObjectLocks } from "../objects/change.ts";
import { Documents } from "../objects/documents.ts";
import { CallersKeys } from "../objects/callers-keys.ts";
import { Objects } from "../objects/objects.ts";
import { NO_RETENTION, type RetentionRules } from "../objects/retention.ts";
import { recordName, SERVER_SPACE } from "../objects/record.ts";
import { SessionKeys, type KeyOwner, type SessionKeyRules } from "../objects/session-keys.ts";
import { VaultedRecords } from "../objects/vaulted-records.ts";
import { Rekeying } from "./rekey.ts";
import type { RecordWrite, Store } from "../stores/store.ts";

/** What an open vault has and a sealed one has not. */
export interface OpenVault {
  readonly hierarchy: OpenHierarchy;
  readonly log: AuditLog;
  readonly checkpoints: Checkpoints;
  /** The tree's hashes beside the log. */
  readonly tree: TreeFiles;
  /** Those that are stored. */
  readonly objects: Objects;
  readonly sessionKeys: SessionKeys;
  /** Both, as somebody has them; without a name, as nobody in particular. */
  readonly keysOf: (owner?: KeyOwner) => CallersKeys;
  readonly documents: Documents;
  readonly rekeying: Rekeying;
  /** Records something the vault noticed, which changes nothing. @throws {HsmError} AUDIT_UNAVAILABLE */
  readonly note: (ceremony: string, action: string, request: string, writes?: readonly RecordWrite[]) => Promise<void>;
  /** True when this ceremony made the vault. */
  readonly created: boolean;
  /** A segment of the log is missing that its list leads across. */
  readonly lost: boolean;
  /** What recovery mended. */
  readonly cutBytes: number;
  readonly replayedLines: number;
}

export interface UnsealOptions {
  readonly store: Store;
  readonly files: FileLayer;
  readonly auditPath: string;
  readonly syncMode: SyncMode;
  /** When checkpoints are made and segments end; as configured by default when left out. */
  readonly audit?: AuditPace;
  readonly cacheSizeBytes: number;
  readonly now: () => number;
  /** How long revoked keys are kept; for ever when left out. */
  readonly retention?: RetentionRules;
  readonly newKeysStaged?: boolean;
  /** `crypto.weaker_wrapping`. */
  readonly weakerWrapping?: boolean;
  /** As configured by default when left out. */
  readonly sessionKeys?: SessionKeyRules;
  readonly onLogStopped: (error: HsmError) => void;
  /** Told of what the audit log does. */
  readonly auditObserver?: AuditObserver;
  readonly onCheckpointTrouble?: (error: unknown) => void;
}

/** How the log tells others about itself. */
export interface AuditPace {
  /** Which log it is, in checkpoints; `keystead/<vault id>` when empty. */
  readonly origin: string;
  readonly checkpointEvents: number;
  readonly checkpointSeconds: number;
  readonly segmentSeconds: number;
}

const SESSION_KEYS: SessionKeyRules = { most: 1000, idleMs: 3_600_000 };
const AUDIT_PACE: AuditPace = { origin: "", checkpointEvents: 1000, checkpointSeconds: 60, segmentSeconds: 86_400 };

/**
 * Opens the vault, making it on first use. The secret is wiped.
 *
 * @throws {HsmError} UNAUTHENTICATED wrong secret; INTEGRITY_FAILURE header, log or store do not fit each other
 */
export async function unseal(secret: UnsealSecret, options: UnsealOptions): Promise<OpenVault> {
  const { store, files, auditPath } = options;
  const text = store.header();
  const known = text === undefined ? undefined : parseHeader(text);
  let hierarchy: OpenHierarchy;
  if (known === undefined) {
    const used = (await store.namespaces()).length > 0 || store.durableSequence() > 0 || listSegments(files, auditPath).length > 0;
    if (used)
      throw new HsmError("INTEGRITY_FAILURE", "the vault header is missing beside existing data; restore the key store from a backup");
    const made = createVault(secret, new Date(options.now()));
    store.setHeader(JSON.stringify(made.header));
    hierarchy = made.hierarchy;
  } else {
    hierarchy = openVault(known, secret);
  }
  const recovered = recoverLog({ files, path: auditPath, store, macKey: hierarchy.auditMacKey });
  const pace = options.audit ?? AUDIT_PACE;
  const treeFiles = new TreeFiles(files, auditPath, recovered.tree.before.size);
  const checkpoints: Checkpoints = new Checkpoints(
    {
      origin: pace.origin === "" ? `keystead/${hierarchy.vaultId}` : pace.origin,
      privateKey: hierarchy.checkpointKey,
      events: pace.checkpointEvents,
      seconds: pace.checkpointSeconds,
      ...(options.onCheckpointTrouble === undefined ? {} : { onTrouble: options.onCheckpointTrouble }),
    },
    new CheckpointFile(files, auditPath),
    recovered.sequence,
    () => log.head(),
  );
  const log: AuditLog = new AuditLog(recovered, {
    files,
    path: auditPath,
    store,
    macKey: hierarchy.auditMacKey,
    syncMode: options.syncMode,
    segmentSeconds: pace.segmentSeconds,
    tree: new LogTree(recovered.tree, treeFiles),
    watcher: checkpoints,
    onStopped: options.onLogStopped,
    ...(options.auditObserver === undefined ? {} : { observer: options.auditObserver }),
  });
  const records = new VaultedRecords(store, hierarchy, (name) => log.anchor(name), options.now);
  const live = (): number => {
    let number = 0;
    for (const digest of log.anchors().values()) if (digest !== "") number += 1;
    return number;
  };
  const recordAs =
    (ceremony: string) =>
    async (action: string, writes: readonly RecordWrite[], request?: string): Promise<void> => {
      await log.append(ownEvent(ceremony, action, writes, options.now(), request), writes);
    };
  const locks = new ObjectLocks();
  const documents = await Documents.open({ records, kek: () => hierarchy.kek, locks, record: recordAs("documents") }, log.anchors());
  const { weakerWrapping = false } = options;
  const objects = new Objects({
    records,
    hierarchy,
    locks,
    cacheSizeBytes: options.cacheSizeBytes,
    now: options.now,
    record: (action, writes) => recordAs(action === "FileKeys" ? "index" : "uses")(action, writes),
    retention: options.retention ?? NO_RETENTION,
    newKeysStaged: options.newKeysStaged ?? false,
    weakerWrapping,
  });
  const sessionKeys = new SessionKeys({ ...(options.sessionKeys ?? SESSION_KEYS), weakerWrapping }, options.now);
  documents.watch("session", (id, document) => {
    if (document === undefined) sessionKeys.endSession(id);
  });
  const rekeying = new Rekeying(store, hierarchy, objects, live);
  return {
    hierarchy,
    log,
    checkpoints,
    tree: treeFiles,
    objects,
    sessionKeys,
    keysOf: (owner) => new CallersKeys(objects, sessionKeys, owner),
    documents,
    rekeying,
    note: (ceremony, action, request, writes = []) => recordAs(ceremony)(action, writes, request),
    created: known === undefined,
    lost: recovered.lost,
    cutBytes: recovered.cutBytes,
    replayedLines: recovered.replayedLines,
  };
}

/** The event of something the vault does of its own accord, in the course of what somebody was permitted to do. */
function ownEvent(ceremony: string, action: string, writes: readonly RecordWrite[], now: number, request: string = ceremony): EventFields {
  const [first] = writes;
  // About several namespaces, it is about none: only who may read everything reads it.
  const alone = writes.every(({ key }) => key.namespace === first?.key.namespace);
  return {
    action,
    authentication: "ceremony",
    decision: "allow",
    key: writes.length === 1 && first !== undefined && first.key.namespace !== SERVER_SPACE ? first.key.id : "",
    namespace: alone && first !== undefined && first.key.namespace !== SERVER_SPACE ? first.key.namespace : "",
    outcome: "OK",
    payload: "",
    principal: `ceremony:${ceremony}`,
    ...(writes.length === 0 ? {} : { records: writes.map(({ key, digest }) => ({ digest, name: recordName(key) })) }),
    request,
    time: new Date(now).toISOString(),
    version: 0,
  };
}
