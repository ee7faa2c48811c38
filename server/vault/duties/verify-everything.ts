/**
 * The background pass after start: the whole log, then every record, against each other.
 *
 * Records are looked at one by one while the vault works; a record that changes meanwhile is compared with what the
 * log says at that moment. Finding anything wrong is the monitor's business: this duty only reports.
 */
import type { KeyObject } from "node:crypto";
import { verifyLog, type LogReport, type VerifyOptions } from "../audit/verify.ts";
import type { FileLayer } from "../audit/file-layer.ts";
import { checkRecord, recordDigest, recordName, writtenIndex, type RecordKey } from "../objects/record.ts";
import type { Store } from "../stores/store.ts";

export interface PassOptions {
  readonly files: FileLayer;
  readonly auditPath: string;
  readonly store: Pick<Store, "all" | "get" | "isFiled">;
  readonly auditMacKey: KeyObject | undefined;
  /** Keys that a record may be under: those of a rekey that is under way too. None = MACs are not looked at. */
  readonly recordMacKeys: () => readonly KeyObject[];
  /** Last event that was durable when the pass began. */
  readonly upTo: number | undefined;
  /** Digests the log anchors, live; undefined = those of the log as verified here. */
  readonly anchors: ReadonlyMap<string, string> | undefined;
  /** Checkpoints to compare with the log, the key they are signed by, and who is told of events. */
  readonly evidence?: Pick<VerifyOptions, "checkpoints" | "checkpointKey" | "firstIsFirst" | "onEvent" | "onBreak">;
  readonly pause: (events?: number) => Promise<void>;
}

/** What the pass found. Empty `problems` = everything verifies. */
export interface PassReport {
  readonly log: LogReport;
  readonly records: number;
  /** One line per finding, naming the event or the record. */
  readonly problems: readonly string[];
}

const PAUSE_RECORDS = 100;

/** Verifies log and store. */
export async function verifyEverything(options: PassOptions): Promise<PassReport> {
  const problems: string[] = [];
  const log = await verifyLog({
    files: options.files,
    path: options.auditPath,
    macKey: options.auditMacKey,
    ...(options.upTo === undefined ? {} : { upTo: options.upTo }),
    pause: options.pause,
    ...options.evidence,
  });
  if (log.bad !== undefined) problems.push(`audit log: event ${log.bad.sequence}: ${log.bad.reason}`);
  if (log.badCheckpoint !== undefined) problems.push(`checkpoint of ${log.badCheckpoint.size} events: ${log.badCheckpoint.reason}`);
  const anchors = options.anchors ?? log.anchors;
  const seen = new Set<string>();
  let records = 0;
  const listed = options.store.all()[Symbol.asyncIterator]();
  for (;;) {
    let step: IteratorResult<{ key: Parameters<typeof recordName>[0]; bytes: Buffer }>;
    try {
      step = await listed.next();
    } catch {
      problems.push("store: the database cannot be read to its end");
      break;
    }
    if (step.done === true) break;
    const { key, bytes } = step.value;
    const name = recordName(key);
    seen.add(name);
    records += 1;
    // Listed a moment ago: when the log moved on meanwhile, what counts is what the store has now.
    const current = anchors.get(name) === recordDigest(bytes) ? bytes : await readAgain(options.store, key);
    if (current !== undefined && anchors.get(name) !== recordDigest(current))
      problems.push(`record ${name} is not the one the audit log knows`);
    else if (current !== undefined && !genuine(key, current, options.recordMacKeys())) problems.push(`record ${name} does not verify`);
    else if (current !== undefined && !(await isFiled(options.store, key, current)) && anchors.get(name) === recordDigest(current))
      problems.push(`record ${name} is missing in the key store's index`);
    if (records % PAUSE_RECORDS === 0) await options.pause();
  }
  for (const [name, digest] of anchors) {
    if (digest === "" || seen.has(name)) continue;
    const [namespace, kind, id, version] = name.split("/") as [string, "key", string, string];
    if ((await readAgain(options.store, { namespace, kind, id, version: Number(version) })) === undefined && anchors.get(name) === digest)
      problems.push(`record ${name} is missing`);
  }
  return { log, records, problems };
}

/** The record as the store has it now; no bytes when it cannot be read, so that it is found wrong. */
async function readAgain(store: Pick<Store, "get">, key: RecordKey): Promise<Buffer | undefined> {
  try {
    return await store.get(key);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Whether a search meets the record under everything that it names. What stands there too much is found by whoever meets it. */
async function isFiled(store: Pick<Store, "isFiled">, { namespace, kind, id }: RecordKey, bytes: Buffer): Promise<boolean> {
  if (kind !== "key") return true;
  try {
    for (const entry of writtenIndex(bytes)) if (!(await store.isFiled(namespace, id, entry))) return false;
    return true;
  } catch {
    return false;
  }
}

function genuine(key: RecordKey, bytes: Buffer, macKeys: readonly KeyObject[]): boolean {
  const fits = (macKey: KeyObject): boolean => {
    try {
      checkRecord(key, bytes, macKey);
      return true;
    } catch {
      return false;
    }
  };
  return macKeys.length === 0 || macKeys.some(fits);
}
