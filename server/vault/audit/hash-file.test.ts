import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { HashFile } from "./hash-file.ts";
import { memoryFiles } from "./memory-files.ts";

test("hashes are read back wherever they are, in the file or not yet", () => {
  const files = memoryFiles();
  const hashes = Array.from({ length: 600 }, () => randomBytes(32));
  let file = new HashFile(files, "/a", 0);
  for (const [at, hash] of hashes.entries()) {
    file.append(hash);
    if (at === 300) {
      file.close();
      file = new HashFile(files, "/a", 301);
    }
  }
  for (const [first, count] of [
    [0, 600],
    [250, 10],
    [299, 4],
    [511, 2],
    [599, 1],
  ] as const)
    assert.deepEqual(file.read(first, count), Buffer.concat(hashes.slice(first, first + count)));
  assert.throws(() => file.read(599, 2), RangeError);
});

test("a file that is opened for fewer hashes than it has forgets the rest, and one with fewer has a hole that is mended", () => {
  const files = memoryFiles();
  const hashes = Array.from({ length: 10 }, () => randomBytes(32));
  const file = new HashFile(files, "/a", 0);
  for (const hash of hashes) file.append(hash);
  file.close();
  assert.equal(new HashFile(files, "/a", 4).count, 4);
  assert.equal(files.open("/a", "read").size(), 4 * 32);
  const holed = new HashFile(files, "/a", 8);
  assert.deepEqual(holed.read(3, 2), Buffer.concat([hashes[3] as Buffer, Buffer.alloc(32)]));
  assert.equal(holed.mend(0, Buffer.concat(hashes.slice(0, 8))), true);
  assert.equal(holed.mend(0, Buffer.concat(hashes.slice(0, 8))), false);
  assert.deepEqual(holed.read(0, 8), Buffer.concat(hashes.slice(0, 8)));
});

test("a closed file takes nothing any more: its descriptor may be another's", () => {
  const files = memoryFiles();
  const file = new HashFile(files, "/a", 0);
  file.append(Buffer.alloc(32, 1));
  file.close();
  const before = files.open("/a", "read").size();
  file.append(Buffer.alloc(32, 2));
  file.flush();
  assert.equal(file.mend(0, Buffer.alloc(32, 9)), false);
  assert.throws(() => file.read(0, 1), RangeError);
  file.close();
  assert.equal(files.open("/a", "read").size(), before);
});
