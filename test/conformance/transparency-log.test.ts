/**
 * The Merkle tree, its tiles and signed notes, judged by the packages behind Go's checksum database.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { checkpointText } from "@keystead/crypto/public/tlog/checkpoint";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import {
  isSignedBy,
  NOTE_ED25519,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKey,
  verifierKeyText,
} from "@keystead/crypto/public/tlog/note";
import { consistencyProof, inclusionProof } from "@keystead/crypto/public/tlog/proof";
import { levelWidth, tiledNodes, tilePath, TILE_WIDTH } from "@keystead/crypto/public/tlog/tiles";
import { fromHashText } from "@keystead/crypto/public/tlog/tree-hash";

const folder = mkdtempSync(join(tmpdir(), "keystead-judge-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const noGo = spawnSync("which", ["go"]).status !== 0 && "there is no Go";

/** What the judge says of a folder. */
interface Verdict {
  readonly size: number;
  readonly inclusion: readonly (readonly string[])[];
  readonly consistency: Readonly<Record<string, readonly string[] | null>>;
  readonly key: string;
  readonly note: string;
}

function judge(log: string, key: string, olderSizes: readonly number[]): Verdict {
  const source = join(folder, "source");
  cpSync(join(import.meta.dirname, "transparency-log"), source, { recursive: true });
  const built = spawnSync("go", ["build", "-o", "judge", "."], { cwd: source, encoding: "utf8" });
  assert.equal(built.status, 0, built.stderr);
  const ran = spawnSync(join(source, "judge"), [log, key], { encoding: "utf8", input: olderSizes.map((size) => `${size}\n`).join("") });
  assert.equal(ran.status, 0, ran.stderr);
  return JSON.parse(ran.stdout) as Verdict;
}

test(
  "Go's checksum database proves every entry of our tree from our tiles, makes the same proofs, and reads our notes as we read its",
  { skip: process.env["CI"] !== "true" && noGo, timeout: 300_000 },
  () => {
    const size = 1300;
    const log = join(folder, "log");
    const write = (path: string, bytes: string | Uint8Array): void => {
      mkdirSync(dirname(join(log, path)), { recursive: true });
      writeFileSync(join(log, path), bytes);
    };
    const entries = Array.from({ length: size }, (_, at) => Buffer.from(`entry ${at}`));
    const levels: Buffer[][] = [[], []];
    const frontier = new Frontier();
    for (const entry of entries) {
      frontier.add(entry, (level, hash) => {
        if (level % 8 === 0) (levels[level / 8] as Buffer[]).push(fromHashText(hash));
      });
    }
    for (const [level, hashes] of levels.entries()) {
      assert.equal(hashes.length, levelWidth(level, size));
      for (let index = 0; index * TILE_WIDTH < hashes.length; index += 1) {
        const part = hashes.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
        write(tilePath({ level, index, width: part.length }), Buffer.concat(part));
        if (level > 0) continue;
        const bundle = entries.slice(index * TILE_WIDTH, (index + 1) * TILE_WIDTH).flatMap((entry) => {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(entry.length);
          return [length, entry];
        });
        write(tilePath({ level: "entries", index, width: part.length }), Buffer.concat(bundle));
      }
    }
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const key = verifierKey("example.test/log", NOTE_ED25519, publicKey);
    const text = checkpointText({ origin: key.name, size, root: frontier.root(), extensions: ["further line"] });
    write("checkpoint", signNote(text, key, privateKey));

    const older = [1, 2, 3, 255, 256, 257, 511, 512, 513, 1024, 1299, 1300];
    const verdict = judge(log, verifierKeyText(key), older);
    assert.equal(verdict.size, size);
    const read = tiledNodes((level, first, count) => Buffer.concat((levels[level] as Buffer[]).slice(first, first + count)));
    const base64 = (proof: readonly Buffer[]): string[] => proof.map((hash) => hash.toString("base64"));
    for (const [index, proof] of verdict.inclusion.entries()) assert.deepEqual(base64(inclusionProof(index, size, read)), proof);
    for (const old of older) assert.deepEqual(base64(consistencyProof(old, size, read)), verdict.consistency[old] ?? []);

    const note = parseNote(verdict.note);
    assert.equal(note.text, text);
    assert.ok(isSignedBy(note, key));
    assert.ok(isSignedBy(note, parseVerifierKey(verdict.key)));
  },
);
