import assert from "node:assert/strict";
import { generateKeyPairSync, hash } from "node:crypto";
import { test } from "node:test";
import { checkpointText, parseCheckpoint } from "@keystead/crypto/public/tlog/checkpoint";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import { NOTE_ED25519, parseNote, signNote, verifierKey } from "@keystead/crypto/public/tlog/note";
import { levelWidth, tilePath, type Tile } from "@keystead/crypto/public/tlog/tiles";
import { leafHash, nodeHash } from "@keystead/crypto/public/tlog/tree-hash";
import { CheckpointFile } from "./checkpoint-file.ts";
import { Checkpoints } from "./checkpoints.ts";
import { CrashingDisk } from "./crashing-files.ts";
import { AuditProofs } from "./proofs.ts";
import { TreeFiles } from "./tree-files.ts";

const PATH = "/audit/log";
const NAME = "example.test/log";
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const KEY = verifierKey(NAME, NOTE_ED25519, publicKey);

const entryOf = (at: number): Buffer => Buffer.from(hash("sha256", `event ${at}`, "hex"), "hex");

/** Files of a tree of so many events, with a checkpoint at each of the sizes. */
async function logOf(sizes: readonly number[]): Promise<CrashingDisk> {
  const disk = new CrashingDisk();
  const tree = new TreeFiles(disk.files, PATH, 0);
  const file = new CheckpointFile(disk.files, PATH);
  const frontier = new Frontier();
  for (const size of sizes) {
    while (frontier.size < size) {
      const entry = entryOf(frontier.size);
      tree.add(entry);
      frontier.append(leafHash(entry), tree.completed);
    }
    const text = checkpointText({ origin: NAME, size, root: frontier.root(), extensions: [] });
    await file.add(size, signNote(text, KEY, privateKey));
  }
  tree.close();
  await file.close();
  return disk;
}

function proofsOf(disk: CrashingDisk, size: number): AuditProofs {
  const file = new CheckpointFile(disk.files, PATH);
  const settings = { origin: NAME, privateKey, events: 1e6, seconds: 1e6 };
  const checkpoints = new Checkpoints(settings, file, size, () => undefined);
  return new AuditProofs(checkpoints, new TreeFiles(disk.files, PATH, size));
}

/** The hashes of a tile, by the definition: the root of a full tile is a hash of the level above. */
function tileOf({ level, index, width }: Tile): Buffer {
  if (level === "entries" || level === 0) {
    const entries = Array.from({ length: width }, (_, at) => entryOf(index * 256 + at));
    if (level === 0) return Buffer.concat(entries.map(leafHash));
    return Buffer.concat(entries.flatMap((entry) => [Buffer.from([0, 32]), entry]));
  }
  return Buffer.concat(
    Array.from({ length: width }, (_, at) => {
      let row = Array.from({ length: 256 ** level }, (_leaf, leaf) => leafHash(entryOf((index * 256 + at) * 256 ** level + leaf)));
      while (row.length > 1) row = row.flatMap((left, place) => (place % 2 === 0 ? [nodeHash(left, row[place + 1] as Buffer)] : []));
      return row[0] as Buffer;
    }),
  );
}

test("every tile and every entry of logs of many sizes is what the definition says", async () => {
  for (const size of [1, 2, 3, 255, 256, 257, 511, 512, 513, 777, 1024, 1500]) {
    const proofs = proofsOf(await logOf([size]), size);
    for (const level of ["entries", 0, 1] as const) {
      const hashes = levelWidth(level === "entries" ? 0 : level, size);
      for (let index = 0; index * 256 < hashes; index += 1)
        for (const width of new Set([Math.min(256, hashes - index * 256), 1, 7].filter((some) => some <= hashes - index * 256)))
          assert.deepEqual(
            proofs.tile(tilePath({ level, index, width })).content,
            tileOf({ level, index, width }),
            `${size} ${level} ${index} ${width}`,
          );
    }
    for (const [from, limit] of [
      [1, 1000],
      [size, 5],
      [Math.ceil(size / 2), 300],
    ] as const)
      assert.deepEqual(
        proofs.entries(from, limit),
        Array.from({ length: Math.min(limit, size - from + 1) }, (_, at) => entryOf(from - 1 + at)),
      );
  }
});

test("a changed byte in any file of the tree leaves in no tile, no entry and no proof", async () => {
  const disk = await logOf([300, 700]);
  const whole = proofsOf(disk.copy(), 700);
  const asked: readonly ((proofs: AuditProofs) => unknown)[] = [
    (proofs) => proofs.tile("tile/entries/001").content,
    (proofs) => proofs.tile("tile/entries/002.p/188").content,
    (proofs) => proofs.tile("tile/0/001").content,
    (proofs) => proofs.tile("tile/0/002.p/100").content,
    (proofs) => proofs.tile("tile/1/000.p/2").content,
    (proofs) => proofs.entries(250, 400),
    (proofs) => proofs.event(300, 0),
    (proofs) => proofs.consistency(300, 700),
  ];
  for (const [name, hashes] of [
    ["entries", 700],
    ["0", 700],
    ["1", 2],
  ] as const)
    for (let at = 0; at < hashes * 32; at += hashes > 2 ? 1111 : 13) {
      const spoiled = disk.copy((path, bytes) => {
        if (path === `${PATH}.tree.${name}`) bytes[at] = (bytes[at] as number) ^ 1;
        return bytes;
      });
      const proofs = proofsOf(spoiled, 700);
      for (const ask of asked) {
        let answer: unknown;
        try {
          answer = ask(proofs);
        } catch (error) {
          assert.equal((error as { code?: string }).code, "PROVIDER_UNAVAILABLE");
          continue;
        }
        assert.deepEqual(answer, ask(whole));
      }
    }
});

test("a checkpoint that somebody wrote into the file is shown to nobody", async () => {
  const disk = await logOf([300, 700]);
  const forger = generateKeyPairSync("ed25519").privateKey;
  const forged = disk.copy((path, bytes) => {
    if (!path.endsWith(".checkpoints")) return bytes;
    const [first = "", ...rest] = bytes.toString("utf8").split("\n");
    const { note, size } = JSON.parse(first) as { note: string; size: number };
    const { root } = parseCheckpoint(parseNote(note).text);
    const other = signNote(checkpointText({ origin: NAME, size, root: Buffer.from(root).reverse(), extensions: [] }), KEY, forger);
    return Buffer.from([JSON.stringify({ size, note: other }), ...rest].join("\n"));
  });
  const resized = disk.copy((path, bytes) =>
    path.endsWith(".checkpoints") ? Buffer.from(bytes.toString("utf8").replace('"size":300', '"size":299')) : bytes,
  );
  for (const copy of [forged, resized]) {
    const proofs = proofsOf(copy, 700);
    assert.throws(() => proofs.checkpoint(1), { code: "INTEGRITY_FAILURE" });
    assert.throws(() => proofs.event(5, 0), { code: "INTEGRITY_FAILURE" });
    assert.equal(proofs.event(5, 700).checkpoint.size, 700);
  }
});
