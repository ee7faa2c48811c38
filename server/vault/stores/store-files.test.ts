import assert from "node:assert/strict";
import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { overwrites, storeFiles, systemStoreFiles } from "./store-files.ts";

test("a file is overwritten as often as was asked for, each time with other bytes, and with zeros at last", () => {
  for (const iterations of [0, 1, 3]) {
    const passes = [...overwrites(64, iterations)];
    assert.equal(passes.length, iterations + 1);
    assert.ok(passes.every((pass) => pass.length === 64));
    assert.deepEqual(passes.at(-1), Buffer.alloc(64));
    assert.equal(new Set(passes.map((pass) => pass.toString("hex"))).size, iterations + 1);
  }
});

test("what is removed was overwritten where it lay, not beside it", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "keystead-shred-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const files of [systemStoreFiles, storeFiles(0), storeFiles(2)]) {
    const [path, witness] = [join(folder, "record"), join(folder, "witness")];
    writeFileSync(path, "what was here");
    // Another name of the same file shows what became of its bytes.
    linkSync(path, witness);
    files.remove(path);
    assert.equal(existsSync(path), false);
    assert.deepEqual(readFileSync(witness), Buffer.alloc("what was here".length));
    rmSync(witness);
    files.remove(path);
  }
});
