import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { RandomSource } from "@keystead/crypto/random";
import { mixHardware } from "./hardware-random.ts";

const zeros = (): RandomSource => new RandomSource((target) => target.forEach((_, index) => (target[index] = index)));

function opened(t: TestContext, path: string): number {
  const descriptor = openSync(path, "r");
  t.after(() => closeSync(descriptor));
  return descriptor;
}

function fileOf(t: TestContext, bytes: Buffer): number {
  const folder = mkdtempSync(join(tmpdir(), "keystead-hardware-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "source"), bytes);
  return opened(t, join(folder, "source"));
}

test("a device is read and mixed in", async (t) => {
  const [plain, mixed] = [zeros(), zeros()];
  await mixHardware(opened(t, "/dev/urandom"), mixed);
  assert.notDeepEqual(mixed.fill(Buffer.alloc(32)), plain.fill(Buffer.alloc(32)));
});

test("a source that ends, is stuck, or cannot be read is a failed self-test, and changes nothing", async (t) => {
  const source = zeros();
  await assert.rejects(mixHardware(fileOf(t, Buffer.from("short")), source), { code: "SELF_TEST_FAILED", detail: /gives nothing/ });
  await assert.rejects(mixHardware(99_999, source), { code: "SELF_TEST_FAILED", detail: /cannot be read/ });
  assert.deepEqual(source.fill(Buffer.alloc(16)), zeros().fill(Buffer.alloc(16)));
  await assert.rejects(mixHardware(opened(t, "/dev/zero"), source), { code: "SELF_TEST_FAILED", detail: /health test/ });
});
