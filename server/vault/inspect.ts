/**
 * `keystead audit verify`, `keystead store verify` and `keystead namespaces verify-shredding`: the proof without the server.
 *
 *     keystead audit verify [--data-dir DIR | --log PATH] [--master-key REF | --passphrase REF] [--hmac-key REF] [--json]
 *                           [--key-store sqlite|filesystem] [--sqlite-path PATH] [--key KEY] [--checkpoint FILE] [--archive PATH]
 *     keystead store verify --data-dir DIR [...]
 *     keystead namespaces verify-shredding NAME --data-dir DIR [...]
 *
 * Opens nothing for writing and listens on nothing. Without the unseal secret the chain is re-derived and every record
 * is compared with the digest the log anchors; with it the MACs of events and records are checked too, and the report
 * says which. Checkpoints beside the log are compared with it, and their signatures checked where the key is known: by --key
 * (the verifier key, or a file with it) or by the unseal secret. With --checkpoint the log must continue that checkpoint,
 * which somebody kept elsewhere; events before it are believed, and may be gone. Ends with 0 when everything verifies, 10 when something does not (naming the first event or every
 * record), 12 when everything verifies but for segments that administrators agreed to do without (`AcknowledgeAuditBreak`), 2 for wrong arguments.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { SecretReference } from "@keystead/contract/config";
import { HsmError, asHsmError } from "@keystead/contract/errors";
import { parseCheckpoint } from "@keystead/crypto/public/tlog/checkpoint";
import { isSignedBy, NOTE_ED25519, parseNote, parseVerifierKey, verifierKey } from "@keystead/crypto/public/tlog/note";
import { withArchive } from "./audit/archived-files.ts";
import type { CheckpointOptions } from "./audit/checkpoint-checks.ts";
import { readCheckpointLines } from "./audit/checkpoint-lines.ts";
import type { FileLayer } from "./audit/file-layer.ts";
import { readLogFiles } from "./audit/log-place.ts";
import { listSegments } from "./audit/segments.ts";
import { treeWithRoot } from "./audit/tree-files.ts";
import { verifyLog, type LogReport, type LogStart } from "./audit/verify.ts";
import { decodeSecret, readSecret } from "./ceremonies/secret.ts";
import { verifyEverything } from "./duties/verify-everything.ts";
import { attestedEnds, endsInLog, shreddingProblems } from "./duties/verify-shredding.ts";
import { openVault, parseHeader, recordMacKeysOf, type OpenHierarchy } from "./objects/hierarchy.ts";
import { filesystemReader } from "./stores/filesystem.ts";
import { sqliteReader } from "./stores/sqlite.ts";

process.title = "keystead [inspect]";

/** The exit status of a log that is whole but for what administrators agreed to do without: neither whole nor broken. */
const WHOLE_BUT = 12;

interface Options {
  readonly what: "audit" | "store" | "namespaces";
  /** Whose destruction is to be proven; only for "namespaces". */
  readonly namespace: string;
  readonly dataDir: string | undefined;
  readonly log: string;
  readonly keyStore: string | undefined;
  readonly sqlitePath: string | undefined;
  readonly masterKey: SecretReference | undefined;
  readonly passphrase: SecretReference | undefined;
  readonly hmacKey: SecretReference | undefined;
  /** The log's public key, as given. */
  readonly key: string | undefined;
  /** A file with a checkpoint that the log must continue. */
  readonly checkpoint: string | undefined;
  readonly json: boolean;
  /** Where archived segments are. */
  readonly archive: string | undefined;
}

const USAGE =
  "usage: keystead audit verify [--data-dir DIR] [--log PATH] [--master-key REF | --passphrase REF] [--hmac-key REF] [--key-store sqlite|filesystem] [--sqlite-path PATH] [--key KEY] [--checkpoint FILE] [--archive PATH] [--json]\n       keystead store verify --data-dir DIR [the same]\n       keystead namespaces verify-shredding NAME --data-dir DIR [the same]\n";

function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      "data-dir": { type: "string" },
      log: { type: "string" },
      "key-store": { type: "string" },
      "sqlite-path": { type: "string" },
      "master-key": { type: "string" },
      passphrase: { type: "string" },
      "hmac-key": { type: "string" },
      key: { type: "string" },
      checkpoint: { type: "string" },
      archive: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const [what, verb, namespace = ""] = positionals;
  const known =
    what === "namespaces" ? verb === "verify-shredding" && positionals.length === 3 : verb === "verify" && positionals.length === 2;
  if (values.help || (what !== "audit" && what !== "store" && what !== "namespaces") || !known)
    throw new HsmError("INVALID_REQUEST", USAGE);
  const reference = (name: "master-key" | "passphrase" | "hmac-key"): SecretReference | undefined => {
    const value = values[name];
    if (value !== undefined && !/^(file|env|fd):./.test(value))
      throw new HsmError("INVALID_REQUEST", `--${name} takes file:PATH, env:NAME or fd:N, never the secret itself`);
    return value as SecretReference | undefined;
  };
  // Without a word about the place: the development preset's.
  const dataDir = values["data-dir"] ?? (values.log === undefined ? (process.env["KEYSTEAD_DATA"] ?? "data") : undefined);
  if (what === "store" && dataDir === undefined) throw new HsmError("INVALID_REQUEST", "store verify needs --data-dir");
  return {
    what,
    namespace,
    dataDir: dataDir === undefined ? undefined : resolve(dataDir),
    log: resolve(values.log ?? join(dataDir ?? "", "audit")),
    keyStore: values["key-store"],
    sqlitePath: values["sqlite-path"],
    masterKey: reference("master-key"),
    passphrase: reference("passphrase"),
    hmacKey: reference("hmac-key"),
    key: values.key,
    checkpoint: values.checkpoint,
    json: values.json,
    archive: values.archive === undefined ? undefined : resolve(values.archive),
  };
}

/** The development preset keeps its master key beside its data. */
function ownKey(dataDir: string | undefined): SecretReference | undefined {
  const path = dataDir === undefined ? undefined : join(resolve(dataDir), "unseal/master.key");
  return path !== undefined && existsSync(path) ? `file:${path}` : undefined;
}

function hierarchyOf(options: Options, headerText: string | undefined): OpenHierarchy | undefined {
  if (headerText === undefined) return undefined;
  const header = parseHeader(headerText);
  // A key that lies beside the data is tried only where the vault opens by key.
  const reference = options.passphrase ?? options.masterKey ?? (header.method === "key" ? ownKey(options.dataDir) : undefined);
  if (reference === undefined) return undefined;
  const descriptors = Object.fromEntries(
    [reference, options.hmacKey ?? ""].flatMap((name) => (name.startsWith("fd:") ? [[name.slice(3), Number(name.slice(3))]] : [])),
  );
  const raw = readSecret(reference, descriptors);
  const secret = header.method === "key" ? decodeSecret(raw) : raw;
  const second = options.hmacKey === undefined ? undefined : decodeSecret(readSecret(options.hmacKey, descriptors));
  return openVault(header, { method: header.method, secret, second });
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  const plainFiles = readLogFiles(options.log);
  const files = withArchive(plainFiles, options.archive);
  if (listSegments(files, options.log).length === 0)
    throw new HsmError("OBJECT_NOT_FOUND", `there is no audit log at ${options.log}.* in ${dirname(options.log)}`);
  const store = openReader(options);
  if (options.what === "store" && store === undefined)
    throw new HsmError("OBJECT_NOT_FOUND", `there is no key store in ${options.dataDir}`);
  const hierarchy = hierarchyOf(options, store?.header());
  const pause = (): Promise<void> => Promise.resolve();
  // Read before the log: whatever they speak of is in it by then.
  const checkpoints = readCheckpointLines(plainFiles, options.log);
  const checkpointKey = publicKeyOf(options, hierarchy);
  const evidence: CheckpointOptions = { checkpoints, firstIsFirst: true, ...(checkpointKey === undefined ? {} : { checkpointKey }) };
  const report =
    store !== undefined && options.checkpoint === undefined
      ? await verifyEverything({
          files,
          auditPath: options.log,
          store,
          auditMacKey: hierarchy?.auditMacKey,
          recordMacKeys: () => (hierarchy === undefined ? [] : recordMacKeysOf(hierarchy)),
          upTo: undefined,
          anchors: undefined,
          evidence,
          pause,
        })
      : await logAlone(options, files, hierarchy, evidence);
  // The tail may be torn while the log is being written or after a crash: what the store holds finishes it.
  const durable = store?.durableSequence() ?? 0;
  const problems = [...report.problems];
  if (report.log.bad === undefined && report.log.events < durable)
    problems.push(`audit log: event ${report.log.events + 1}: missing; the store knows of ${durable} events`);
  const ends = options.what === "namespaces" ? endsInLog(files, options.log, options.namespace) : [];
  if (options.what === "namespaces") problems.push(...shreddingProblems(ends, attestedEnds(ledgerOf(options), options.namespace)));
  const { setAside } = report.log;
  const result = {
    verified: problems.length === 0 && setAside.length === 0,
    set_aside: setAside.map(({ first, last }) => ({ first, last })),
    events: report.log.events,
    events_not_read: report.log.unread,
    events_deleted: report.log.purged,
    head: report.log.head,
    records: report.records,
    macs_checked: hierarchy !== undefined,
    root: report.log.root,
    checkpoints: report.log.checkpoints,
    signatures_checked: checkpointKey !== undefined,
    first_bad_sequence: report.log.firstBad ?? null,
    problems,
    ...(options.what === "namespaces" ? { destroyed: ends } : {}),
  };
  const told = ends.map(
    ({ keys, records, digest, sequence, hash, time }) =>
      `Destroyed: ${keys} keys, ${records} records at ${time}; event ${sequence}, hash ${hash}; digest ${digest}\n`,
  );
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${told.join("")}${describe(result)}`);
  store?.close();
  plainFiles.close();
  return problems.length > 0 ? 10 : setAside.length > 0 ? WHOLE_BUT : 0;
}

/** The retention ledger's text; empty when there is none. */
function ledgerOf({ dataDir }: Options): string {
  const path = join(dataDir ?? "", "retention-ledger");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

type Reader = ReturnType<typeof sqliteReader>;

/** The store beside the log, whichever it is. @throws {HsmError} INVALID_REQUEST when there are two and nobody said which */
function openReader({ dataDir, keyStore, sqlitePath }: Options): Reader | undefined {
  if (keyStore !== undefined && !["sqlite", "filesystem", "encrypted_file"].includes(keyStore))
    throw new HsmError("INVALID_REQUEST", "--key-store takes sqlite or filesystem");
  const database = sqlitePath === undefined ? (dataDir === undefined ? undefined : join(dataDir, "keystead.db")) : resolve(sqlitePath);
  const hasDatabase = database !== undefined && existsSync(database);
  const hasFiles = dataDir !== undefined && existsSync(join(dataDir, "wal"));
  if (hasDatabase && hasFiles && keyStore === undefined && sqlitePath === undefined)
    throw new HsmError("INVALID_REQUEST", `${dataDir} holds two key stores; say --key-store sqlite or --key-store filesystem`);
  const files = keyStore === undefined ? sqlitePath === undefined && hasFiles : keyStore !== "sqlite";
  if (files) return hasFiles ? filesystemReader(dataDir) : undefined;
  return hasDatabase ? sqliteReader(database) : undefined;
}

/** The log's public key, from wherever it is known. */
function publicKeyOf({ key }: Options, hierarchy: OpenHierarchy | undefined): KeyObject | undefined {
  if (key === undefined) return hierarchy === undefined ? undefined : createPublicKey(hierarchy.checkpointKey);
  return parseVerifierKey(existsSync(key) ? (readFileSync(key, "utf8").split("\n")[0] as string) : key).publicKey;
}

async function logAlone(
  options: Options,
  files: FileLayer,
  hierarchy: OpenHierarchy | undefined,
  evidence: CheckpointOptions,
): Promise<{ log: LogReport; records: number; problems: string[] }> {
  const { log: path, checkpoint: kept } = options;
  const problems: string[] = [];
  const how: CheckpointOptions & { start?: LogStart } = kept === undefined ? evidence : continuing(files, path, kept, evidence);
  const log = await verifyLog({
    files,
    path,
    macKey: hierarchy?.auditMacKey,
    ...how,
  });
  if (log.bad !== undefined) problems.push(`audit log: event ${log.bad.sequence}: ${log.bad.reason}`);
  if (log.badCheckpoint !== undefined) problems.push(`checkpoint of ${log.badCheckpoint.size} events: ${log.badCheckpoint.reason}`);
  return { log, records: 0, problems };
}

/**
 * Where to begin so that the log continues a checkpoint: behind it, when the tree's files lead to its root; else at the first
 * event, with that checkpoint among those to compare.
 *
 * @throws {HsmError} INVALID_REQUEST it is no checkpoint; INTEGRITY_FAILURE it is not signed by the log's key
 */
function continuing(files: FileLayer, path: string, file: string, evidence: CheckpointOptions): CheckpointOptions & { start?: LogStart } {
  const { checkpointKey } = evidence;
  if (checkpointKey === undefined)
    throw new HsmError("INVALID_REQUEST", "--checkpoint needs the log's public key: pass --key, or the unseal secret");
  const note = readFileSync(resolve(file), "utf8");
  const signed = parseNote(note);
  const { size, root, origin } = parseCheckpoint(signed.text);
  if (!isSignedBy(signed, verifierKey(origin, NOTE_ED25519, checkpointKey)))
    throw new HsmError("INTEGRITY_FAILURE", "the checkpoint is not signed by this log's key");
  const start = size === 0 ? undefined : treeWithRoot(files, path, size, root);
  if (start !== undefined) return { ...evidence, start };
  return { checkpointKey, checkpoints: [{ size, note }] };
}

function describe(result: {
  verified: boolean;
  set_aside: readonly { readonly first: number; readonly last: number }[];
  events: number;
  events_not_read: number;
  events_deleted: number;
  head: string;
  records: number;
  macs_checked: boolean;
  root: string;
  checkpoints: number;
  signatures_checked: boolean;
  problems: readonly string[];
}): string {
  const lost = result.set_aside.reduce((total, { first, last }) => total + last - first + 1, 0);
  const elsewhere = result.events_not_read - result.events_deleted - lost;
  const how = result.macs_checked ? "chain and MACs" : "the chain only; give the unseal secret to check MACs too";
  return [
    ...result.problems.map((problem) => `BROKEN  ${problem}`),
    ...result.set_aside.map(
      ({ first, last }) => `SET ASIDE  events ${first} to ${last}: damaged; administrators agreed to go on without them`,
    ),
    `${verdict(result)}: ${result.events} events, ${result.records} records (${how}).`,
    `Checkpoints: ${result.checkpoints} agree with it${result.signatures_checked ? "" : " (signatures not checked; give --key)"}.`,
    ...(result.events_deleted === 0
      ? []
      : [
          `Deleted: events 1 to ${result.events_deleted}, for their age (audit.retention_days), as the log says; their lists lead across them.`,
        ]),
    ...(elsewhere === 0
      ? []
      : [`Not read: ${elsewhere} events in an archive that is not here (--archive); the audit key leads across them.`]),
    `Last event's hash: ${result.head}`,
    `Root of the tree: ${result.root}`,
    "",
  ].join("\n");
}

/** In one word, nearly. */
function verdict({
  verified,
  problems,
  set_aside,
}: {
  verified: boolean;
  problems: readonly string[];
  set_aside: readonly unknown[];
}): string {
  if (problems.length > 0) return "Not verified";
  return verified ? "Verified" : `Whole but for ${set_aside.length} segment(s)`;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const known = error instanceof TypeError ? new HsmError("INVALID_REQUEST", `${error.message}\n${USAGE}`) : asHsmError(error);
    process.stderr.write(`keystead: ${known.detail}\n`);
    process.exitCode = known.row.exit;
  },
);
