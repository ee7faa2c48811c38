import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { test } from "node:test";
import type { FileLayer } from "../audit/file-layer.ts";
import { memoryFiles } from "../audit/memory-files.ts";
import { MOST_DELIVERIES, MOST_SET_ASIDE, NEW_STANDING, StandingFiles, withDelivery, withSetAside, type SinkStanding } from "./standing.ts";

const KEY = createSecretKey(Buffer.alloc(32, 7));
const filesOf = (files: FileLayer, macKey = KEY): StandingFiles => new StandingFiles({ files, folder: "/data", macKey });
const at = (position: number): SinkStanding => ({ ...NEW_STANDING(0), position });

test("what was written last is read again, as often as it is written", async () => {
  const files = memoryFiles();
  for (let position = 1; position <= 5; position += 1) {
    const file = filesOf(files).open("s", "born");
    assert.equal(file.read()?.position, position === 1 ? undefined : position - 1);
    await file.write(at(position));
    file.close();
  }
});

test("a torn write leaves what was before it", async () => {
  const files = memoryFiles();
  const file = filesOf(files).open("s", "born");
  for (const position of [1, 2, 3]) await file.write(at(position));
  // The third went to the slot of the first.
  const raw = files.open("/data/sink-standing.s", "append");
  raw.write(Buffer.from("torn"), 256 * 1024 + 30);
  assert.equal(filesOf(files).open("s", "born").read()?.position, 2);
});

test("no other sink's standing counts, none of a former sink of the name, and none by another key", async () => {
  const files = memoryFiles();
  const file = filesOf(files).open("s", "born");
  await file.write(at(9));
  assert.equal(filesOf(files).open("s", "later").read(), undefined);
  assert.equal(
    filesOf(files, createSecretKey(Buffer.alloc(32, 8)))
      .open("s", "born")
      .read(),
    undefined,
  );
  const bytes = Buffer.alloc(512 * 1024);
  const read = files.open("/data/sink-standing.s", "read").read(bytes, 0);
  files.open("/data/sink-standing.t", "append").write(bytes.subarray(0, read), 0);
  assert.equal(filesOf(files).open("t", "born").read(), undefined);
  filesOf(files).forget("s");
  assert.equal(filesOf(files).open("s", "born").read(), undefined);
});

test("a standing that is as full as it can be fits, whatever receivers say", async () => {
  let standing = NEW_STANDING(1);
  const hostile = "\u0000\u001b[2J\u{1f600}".repeat(200);
  for (let index = 0; index < MOST_DELIVERIES + 5; index += 1)
    standing = withDelivery(standing, {
      time: 1e15,
      first: 1e15,
      last: 1e15,
      delivered: 0,
      outcome: "unavailable",
      detail: hostile,
      durationMs: 1e9,
    });
  for (let index = 0; index < MOST_SET_ASIDE; index += 1)
    standing = withSetAside(standing, {
      sequence: 1e15 + index,
      hash: "f".repeat(64),
      type: "namespace.deletion_cancelled",
      reason: hostile,
      time: 1e15,
    });
  assert.equal(standing.deliveries.length, MOST_DELIVERIES);
  const file = filesOf(memoryFiles()).open("s", "born");
  await file.write(standing);
  await file.write(standing);
  assert.deepEqual(file.read(), standing);
  assert.ok(standing.deliveries.every(({ detail }) => /^[\x20-\x7e]{0,200}$/.test(detail)));
});
