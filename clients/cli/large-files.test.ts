/** The real program on a large file: memory stays constant in both directions. Its server is a small one with the two key operations. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, openSync, readFileSync, closeSync, writeSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder } from "./recording-shell.ts";
import { serveDataKeys } from "./two-operation-server.ts";

const MIB = 1024 * 1024;
/** A gibibyte is in test/conformance/large-file.soak.ts. */
const SIZE_BYTES = 64 * MIB;
const LIMIT_KIB = 200 * 1024;

/** Runs the program in a process of its own; gives the exit status and the most memory it ever held. */
async function measured(endpoint: string, cwd: string, ...args: string[]): Promise<{ exit: number | null; peakKib: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args, "--endpoint", endpoint], {
    cwd,
    stdio: ["ignore", "inherit", "inherit"],
  });
  let peakKib = 0;
  const sample = setInterval(() => {
    try {
      peakKib = Math.max(peakKib, Number(/VmHWM:\s+([0-9]+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0));
    } catch {
      // The process has ended.
    }
  }, 10);
  const exit = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearInterval(sample);
  return { exit, peakKib };
}

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: MIB })) hash.update(piece as Buffer);
  return hash.digest("hex");
}

test(
  "64 MiB go through encrypt and decrypt in under 200 MB of memory",
  { skip: process.platform !== "linux" && "reads /proc" },
  async (context) => {
    const cwd = newFolder();
    const server = await serveDataKeys();
    context.after(() => {
      server.close();
      rmSync(cwd, { recursive: true });
    });
    const plain = openSync(join(cwd, "plain"), "w");
    const block = Buffer.alloc(MIB);
    for (let at = 0; at < SIZE_BYTES / MIB; at += 1) {
      block.writeUInt32BE(at, at % 1000);
      writeSync(plain, block);
    }
    closeSync(plain);
    const sealed = await measured(server.endpoint, cwd, "encrypt", "k", "--in", "plain", "--out", "sealed");
    const opened = await measured(server.endpoint, cwd, "decrypt", "k", "--in", "sealed", "--out", "back");
    assert.deepEqual([sealed.exit, opened.exit], [0, 0]);
    assert.equal(await digest(join(cwd, "back")), await digest(join(cwd, "plain")));
    for (const { peakKib } of [sealed, opened]) assert.ok(peakKib > 0 && peakKib < LIMIT_KIB, `${peakKib} KiB`);
    context.diagnostic(`encrypt ${sealed.peakKib} KiB, decrypt ${opened.peakKib} KiB`);
  },
);
