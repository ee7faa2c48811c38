/**
 * A file of 1 GiB through `keystead encrypt` and `decrypt` against a real server: under 200 MB of memory in every
 * process, and a changed byte is refused. `KEYSTEAD_LARGE_MIB` chooses another size.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readFileSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, newFolder, serve } from "./running-server.ts";

const MIB = 1024 * 1024;
const SIZE_MIB = Number(process.env["KEYSTEAD_LARGE_MIB"] ?? 1024);
const LIMIT_KIB = 200_000_000 / 1024;

const peakKib = (pid: number): number => Number(/VmHWM:\s+([0-9]+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: MIB })) hash.update(piece as Buffer);
  return hash.digest("hex");
}

test(`${SIZE_MIB} MiB go through encrypt and decrypt in under 200 MB of memory per process`, { timeout: 900_000 }, async (context) => {
  const folder = newFolder();
  const server = await serve({ folder });
  context.after(async () => {
    assert.equal(await server.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });
  const credentials = (name: string): string => join(server.data, "credentials", name);
  /** Runs the program itself, so that its own memory is seen. */
  const keystead = async (...words: string[]): Promise<{ exit: number | null; peak: number }> => {
    const line = [
      ...words,
      "--endpoint",
      server.api,
      "--ca",
      credentials("ca.pem"),
      "--client-cert",
      credentials("admin.pem"),
      "--client-key",
      credentials("admin-key.pem"),
    ];
    const child = spawn(process.execPath, [join(ROOT, "clients/cli/main.ts"), ...line], {
      cwd: folder,
      stdio: ["ignore", "ignore", "ignore"],
    });
    let peak = 0;
    const sample = setInterval(() => {
      try {
        peak = Math.max(peak, peakKib(child.pid as number));
      } catch {
        // It has ended.
      }
    }, 10);
    const exit = await new Promise<number | null>((done) => child.once("close", done));
    clearInterval(sample);
    return { exit, peak };
  };
  const plain = openSync(join(folder, "plain"), "w");
  const block = Buffer.alloc(MIB);
  for (let at = 0; at < SIZE_MIB; at += 1) {
    block.writeUInt32BE(at, at % 1000);
    writeSync(plain, block);
  }
  closeSync(plain);
  assert.equal((await keystead("keys", "create", "AES-256-GCM", "--id", "backup")).exit, 0);
  const sealed = await keystead("encrypt", "backup", "--in", "plain", "--out", "sealed");
  const opened = await keystead("decrypt", "backup", "--in", "sealed", "--out", "back");
  assert.deepEqual([sealed.exit, opened.exit], [0, 0]);
  assert.equal(await digest(join(folder, "back")), await digest(join(folder, "plain")));
  const { vault = 0, gateway = 0 } = server.pids();
  const peaks = { encrypt: sealed.peak, decrypt: opened.peak, vault: peakKib(vault), gateway: peakKib(gateway) };
  for (const [name, peak] of Object.entries(peaks)) assert.ok(peak > 0 && peak < LIMIT_KIB, `${name}: ${peak} KiB`);
  context.diagnostic(JSON.stringify(peaks));

  // A changed byte in the middle of it, and the file of --out does not appear.
  const file = openSync(join(folder, "sealed"), "r+");
  const at = Math.floor(statSync(join(folder, "sealed")).size / 2);
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 1;
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
  assert.equal((await keystead("decrypt", "backup", "--in", "sealed", "--out", "lost")).exit, 7);
  assert.throws(() => statSync(join(folder, "lost")));
});
