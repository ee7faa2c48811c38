/** `keystead audit verify` over a log with checkpoints, as somebody runs it who has the files and the public key. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPublicKey, createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NOTE_ED25519, verifierKey, verifierKeyText } from "@keystead/crypto/public/tlog/note";
import { CheckpointFile } from "./audit/checkpoint-file.ts";
import { Checkpoints } from "./audit/checkpoints.ts";
import type { EventFields } from "./audit/event.ts";
import { systemFiles } from "./audit/file-layer.ts";
import { AuditLog } from "./audit/log.ts";
import { LogTree } from "./audit/log-tree.ts";
import { recoverLog } from "./audit/recover.ts";
import { TreeFiles } from "./audit/tree-files.ts";
import { memoryStore } from "./stores/memory.ts";
import { sampleEvent } from "./audit/testing/sample-event.ts";

const { privateKey } = generateKeyPairSync("ed25519");
const KEY = verifierKeyText(verifierKey("example.test/log", NOTE_ED25519, createPublicKey(privateKey)));
const folder = mkdtempSync(join(tmpdir(), "keystead-inspect-"));
const PATH = join(folder, "made/audit");
const notes: string[] = [];
after(() => rmSync(folder, { recursive: true, force: true }));

const event = (request: number): EventFields => sampleEvent(String(request));

before(async () => {
  const macKey = createSecretKey(randomBytes(32));
  const store = memoryStore();
  for (let round = 0; round < 3; round += 1) {
    const recovered = recoverLog({ files: systemFiles, path: PATH, store, macKey });
    const file = new CheckpointFile(systemFiles, PATH);
    const settings = { origin: "example.test/log", privateKey, events: 1e6, seconds: 1e5 };
    const checkpoints: Checkpoints = new Checkpoints(settings, file, recovered.sequence, () => log.head());
    const tree = new LogTree(recovered.tree, new TreeFiles(systemFiles, PATH, recovered.tree.before.size));
    const options = {
      files: systemFiles,
      path: PATH,
      store,
      macKey,
      syncMode: "none",
      segmentBytes: 40_000,
      tree,
      watcher: checkpoints,
    } as const;
    const log: AuditLog = new AuditLog(recovered, options);
    await Promise.all(Array.from({ length: 200 }, (_, at) => log.append(event(at))));
    await log.close();
  }
  for (const { note } of new CheckpointFile(systemFiles, PATH).all()) notes.push(note);
});

interface Said {
  readonly status: number | null;
  readonly report: {
    verified: boolean;
    events: number;
    checkpoints: number;
    first_bad_sequence: number | null;
    problems: readonly string[];
  };
  readonly stderr: string;
}

/** What is said of a copy of the log, changed. */
function verify(args: readonly string[], change: (path: string) => void = () => undefined): Said {
  const copy = mkdtempSync(join(folder, "copy-"));
  cpSync(join(folder, "made"), copy, { recursive: true });
  change(join(copy, "audit"));
  const command = ["--log", join(copy, "audit"), "--json", ...args];
  const ran = spawnSync(process.execPath, [join(import.meta.dirname, "../../keystead.cjs"), "audit", "verify", ...command], {
    encoding: "utf8",
  });
  return { status: ran.status, report: JSON.parse(ran.stdout || "{}") as Said["report"], stderr: ran.stderr };
}

const edit = (path: string, change: (text: string) => string): void => writeFileSync(path, change(readFileSync(path, "utf8")));
const segmentsOf = (path: string): string[] =>
  readdirSync(join(path, ".."))
    .filter((name) => /^audit\.\d{16}$/.test(name))
    .sort()
    .map((name) => join(path, "..", name));

/** The last segment that has events. */
const lastWritten = (path: string): string => segmentsOf(path).findLast((segment) => readFileSync(segment).length > 0) as string;

test("a whole log verifies with its checkpoints, and their signatures by the public key", () => {
  const { status, report } = verify(["--key", KEY]);
  assert.deepEqual([status, report.verified, report.events, report.checkpoints], [0, true, 600, notes.length]);
  const other = verifierKeyText(verifierKey("example.test/log", NOTE_ED25519, generateKeyPairSync("ed25519").publicKey));
  const wrong = verify(["--key", other]);
  assert.deepEqual([wrong.status, wrong.report.problems[0]?.endsWith("its signature is wrong")], [10, true]);
});

test("a log that was written anew, with a chain that fits, is found out by its checkpoints", () => {
  const { status, report } = verify(["--key", KEY], (path) => {
    // The last event goes, and with it what says that it was there, but for the checkpoint.
    for (const segment of segmentsOf(path)) if (readFileSync(segment).length === 0) rmSync(segment);
    edit(lastWritten(path), (text) => `${text.split("\n").slice(0, -2).join("\n")}\n`);
  });
  assert.deepEqual([status, report.problems], [10, ["checkpoint of 600 events: the log has only 599 events"]]);
});

test("a log verifies from a checkpoint that somebody kept, also when the segments before it are gone", () => {
  const kept = join(folder, "kept");
  const [, second] = notes.filter((note) => /^\S+\n(200|400|600)\n/.test(note));
  writeFileSync(kept, second as string);
  const from = ["--key", KEY, "--checkpoint", kept];
  assert.deepEqual([verify(from).status, verify(from).report.events], [0, 600]);
  const without = verify(from, (path) => {
    for (const segment of segmentsOf(path).slice(0, 2)) rmSync(segment);
  });
  assert.deepEqual([without.status, without.report.events], [0, 600]);
  // Without the tree's files the whole log is read and compared with it.
  const treeless = (path: string): void => {
    for (const name of readdirSync(join(path, ".."))) if (name.includes(".tree.")) rmSync(join(path, "..", name));
  };
  assert.deepEqual([verify(from, treeless).status, verify(from, treeless).report.checkpoints], [0, 1]);
  const later = verify(from, (path) => edit(lastWritten(path), (text) => text.replace('"request":"199"', '"request":"198"')));
  assert.deepEqual([later.status, later.report.verified], [10, false]);
});

test("a kept checkpoint of another log, or without the key, proves nothing and is said so", () => {
  const kept = join(folder, "foreign");
  writeFileSync(kept, (notes[0] as string).replace("\n200\n", "\n201\n"));
  assert.match(verify(["--key", KEY, "--checkpoint", kept]).stderr, /not signed by this log's key/);
  assert.match(verify(["--checkpoint", kept]).stderr, /needs the log's public key/);
});
