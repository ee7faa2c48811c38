/**
 * Makes a golden log with gaps: its oldest segments were deleted for their age, two others were set aside as damaged, and a witness
 * cosigned a checkpoint.
 *
 *     node keystead.cjs --run test/golden-logs/make-gaps.ts NAME
 *
 * What a server would need months for is done in memory by the same code, on days that pass at once. All keys are thrown away; the audit
 * key is written down, as in make.ts.
 */
import assert from "node:assert/strict";
import { createPublicKey, createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { cosignatureLine } from "@keystead/crypto/public/tlog/cosignature";
import { NOTE_COSIGNATURE, NOTE_ED25519, parseNote, verifierKey, verifierKeyText } from "@keystead/crypto/public/tlog/note";
import { archiveSegments } from "../../server/vault/audit/archive.ts";
import { withArchive } from "../../server/vault/audit/archived-files.ts";
import { CheckpointFile } from "../../server/vault/audit/checkpoint-file.ts";
import { Checkpoints } from "../../server/vault/audit/checkpoints.ts";
import { CrashingDisk } from "../../server/vault/audit/crashing-files.ts";
import { indexSegments } from "../../server/vault/audit/indexer.ts";
import { AuditLog } from "../../server/vault/audit/log.ts";
import { LogTree } from "../../server/vault/audit/log-tree.ts";
import { purgeSegments } from "../../server/vault/audit/purge.ts";
import { recoverLog } from "../../server/vault/audit/recover.ts";
import { listSegments } from "../../server/vault/audit/segments.ts";
import { breakOf, markDamaged } from "../../server/vault/audit/set-aside.ts";
import { sampleEvent } from "../../server/vault/audit/testing/sample-event.ts";
import { TreeFiles } from "../../server/vault/audit/tree-files.ts";
import { verifyLog, type SegmentBreak } from "../../server/vault/audit/verify.ts";
import { memoryStore } from "../../server/vault/stores/memory.ts";

const [name = ""] = process.argv.slice(2);
assert.match(name, /^[a-z0-9.-]+$/, "the name of the golden log");
const target = join(import.meta.dirname, name);
const PATH = "/log/audit";
const ARCHIVE = "/archive";
const DAY = 86_400_000;
const START = Date.parse("2026-01-01T00:00:00.000Z");
const macKey = createSecretKey(randomBytes(32));
const signing = generateKeyPairSync("ed25519");
const witness = generateKeyPairSync("ed25519");
const ORIGIN = "golden.example/gaps";

const store = memoryStore();
let disk = new CrashingDisk();
const at = (day: number): string => new Date(START + day * DAY).toISOString();

function open(): AuditLog {
  const files = withArchive(disk.files, ARCHIVE);
  const recovered = recoverLog({ files, path: PATH, store, macKey });
  const file = new CheckpointFile(files, PATH);
  const pace = { origin: ORIGIN, privateKey: signing.privateKey, events: 5, seconds: 1000 };
  const checkpoints: Checkpoints = new Checkpoints(pace, file, recovered.sequence, () => log.head());
  const tree = new LogTree(recovered.tree, new TreeFiles(files, PATH, recovered.tree.before.size));
  const log: AuditLog = new AuditLog(recovered, {
    files,
    path: PATH,
    store,
    macKey,
    syncMode: "full",
    segmentBytes: 2000,
    tree,
    watcher: checkpoints,
  });
  return log;
}

const first = open();
for (let day = 0; day < 40; day += 1) await first.append(sampleEvent(`r${day}`, { time: at(day) }));
await indexSegments({ files: disk.files, path: PATH, macKey, log: first, wanted: () => true });
await first.close();

const aging = open();
const common = {
  files: disk.files,
  path: PATH,
  archiveFolder: ARCHIVE,
  macKey,
  log: aging,
  now: () => START + 41 * DAY,
  wanted: () => true,
};
await archiveSegments({ ...common, before: START + 15 * DAY });
assert.ok((await purgeSegments({ ...common, before: START + 15 * DAY })) >= 2);
await aging.close();

const there = listSegments(disk.files, PATH).filter(({ gone }) => gone === undefined);
const damaged = [there[1]?.path, there[2]?.path];
disk = disk.copy((path, bytes) => (damaged.includes(path) ? Buffer.from(bytes.toString("latin1").replace('"r', '"R'), "latin1") : bytes));
const log = open();
const files = withArchive(disk.files, ARCHIVE);
const breaks: SegmentBreak[] = [];
await verifyLog({ files, path: PATH, macKey, onBreak: (found) => breaks.push(found) });
assert.equal(breaks.length, 2);
const place = { files: disk.files, archiveFolder: ARCHIVE };
await markDamaged(place, breaks);
const said = breaks.map((one) => breakOf(place, one));
await log.append({ ...sampleEvent("acknowledged", { time: at(42), key: "" }), action: "AcknowledgeAuditBreak", breaks: said });
for (let more = 0; more < 12; more += 1) await log.append(sampleEvent(`later-${more}`, { time: at(43) }));
const { sequence } = log;
await log.close();

const witnessKey = verifierKey("witness.example/golden", NOTE_COSIGNATURE, witness.publicKey);
const checkpointFile = new CheckpointFile(disk.files, PATH);
const latest = [...checkpointFile.all()].at(-1);
assert.ok(latest !== undefined);
assert.equal(latest.size, sequence);
const line = cosignatureLine(parseNote(latest.note).text, witnessKey, witness.privateKey, (START + 44 * DAY) / 1000);
await checkpointFile.cosign(latest.size, line.trimEnd());
const { head } = await verifyLog({ files, path: PATH, macKey });

rmSync(target, { recursive: true, force: true });
mkdirSync(target);
const kept = [...disk.contents].filter(([path]) => path.startsWith(`${PATH}.`) && !path.endsWith(".index"));
for (const [path, { now }] of kept) writeFileSync(join(target, basename(path)), now);
const golden = {
  events: sequence,
  head,
  audit_key: macKey.export().toString("hex"),
  public_key: verifierKeyText(verifierKey(ORIGIN, NOTE_ED25519, createPublicKey(signing.privateKey))),
  witnesses: [verifierKeyText(witnessKey)],
  set_aside: breaks.map(({ first: from, last }) => ({ first: from, last })),
};
writeFileSync(join(target, "golden.json"), `${JSON.stringify(golden, undefined, 2)}\n`);
process.stdout.write(`${target}: ${sequence} events, ${breaks.length} segments set aside\n`);
