/** For tests of the log: one that is opened on any files, what is appended to it, and what it holds then. */
import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { HsmError } from "@keystead/contract/errors";
import { recordDigest, recordName } from "../../objects/record.ts";
import type { RecordWrite, Store } from "../../stores/store.ts";
import type { EventFields } from "../event.ts";
import type { FileLayer } from "../file-layer.ts";
import { AuditLog, type AuditLogOptions } from "../log.ts";
import { recoverLog } from "../recover.ts";
import { listSegments, readLines } from "../segments.ts";
import { verifyLog, type LogReport } from "../verify.ts";
import { sampleEvent } from "./sample-event.ts";

export const KEY = createSecretKey(randomBytes(32));
export const PATH = "/audit/audit.log";

/** @param request tells it from others */
export const event = (request: string, more: Partial<EventFields> = {}): EventFields =>
  sampleEvent(request, { principal: "jwt:i:s", ...more });

/** A record that is written, and the event of it. @param before what the writer believes is there */
export function change(id: string, text: string, before?: string): { fields: EventFields; writes: RecordWrite[] } {
  const bytes = Buffer.from(text);
  const key = { namespace: "ns", kind: "key", id, version: 0 } as const;
  const write: RecordWrite = {
    key,
    expected: before === undefined ? undefined : recordDigest(Buffer.from(before)),
    bytes,
    digest: recordDigest(bytes),
  };
  return {
    fields: event(`${id}=${text}`, { action: "RotateKey", key: id, records: [{ digest: write.digest, name: recordName(key) }] }),
    writes: [write],
  };
}

/** A log, and what opening it took. */
export interface Opened {
  readonly log: AuditLog;
  readonly stopped: HsmError[];
  readonly cutBytes: number;
  readonly replayedLines: number;
}

/** Recovers and opens the log of these files, as a start of the vault does. */
export function open(files: FileLayer, store: Store, options: Partial<AuditLogOptions> = {}): Opened {
  const stopped: HsmError[] = [];
  const recovered = recoverLog({ files, path: options.path ?? PATH, store, macKey: KEY });
  const log = new AuditLog(recovered, {
    files,
    path: PATH,
    store,
    macKey: KEY,
    syncMode: "full",
    onStopped: (error) => stopped.push(error),
    ...options,
  });
  return { log, stopped, cutBytes: recovered.cutBytes, replayedLines: recovered.replayedLines };
}

/** A pass over the whole log, with its key. */
export const verify = (files: FileLayer, path = PATH): Promise<LogReport> => verifyLog({ files, path, macKey: KEY });

/** One turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Every line of the log, zeros ahead left out. */
export function lines(files: FileLayer, path = PATH): string[] {
  return listSegments(files, path).flatMap((segment) => {
    const file = files.open(segment.path, "read");
    const found = [...readLines(file)].map(({ line }) => line);
    file.close();
    return found;
  });
}

/** Store and log must say the same of every record. */
export async function agree(store: Store, anchors: ReadonlyMap<string, string>): Promise<void> {
  const stored = new Map<string, string>();
  for await (const { key, bytes } of store.all()) stored.set(recordName(key), recordDigest(bytes));
  assert.deepEqual(new Map([...anchors].filter(([, digest]) => digest !== "").sort()), new Map([...stored].sort()));
}

/** A folder that ends with the test. */
export function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keystead-log-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** What a disk says. */
export const ioError = (code: string): Error => Object.assign(new Error(`${code}: the disk says no`), { code });
