/**
 * The witness that others wrote, publish and run in the public witness network (github.com/transparency-dev/witness): it takes our
 * checkpoints and proofs by C2SP tlog-witness, and its cosignatures verify as those of any witness.
 *
 * The module it checks proofs with is taken as it was released, with one function beside it that the witness needs for what it is not
 * asked here (published-witness/subtree.go.txt).
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { createKeystead, type Keystead } from "@keystead/client/client";
import { checkReceipt, parseVerifierKey } from "@keystead/client/audit-proofs";
import { newFolder, serve, type RunningServer } from "./running-server.ts";

const SOURCE = join(import.meta.dirname, "published-witness");
const PROOFS = "github.com/transparency-dev/merkle@v0.0.2";
const noGo = spawnSync("which", ["go"]).status !== 0 && "there is no Go";
const skip = process.env["CI"] !== "true" && noGo;

/** Builds the witness in a folder. @returns the program */
function built(folder: string): string {
  const go = (cwd: string, ...args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync("go", args, { cwd, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const { Dir: proofs } = JSON.parse(go(folder, "mod", "download", "-json", PROOFS)) as { Dir: string };
  const [witness, merkle] = [join(folder, "witness"), join(folder, "merkle")];
  // File by file: what the cache of modules has cannot be written to, and a copy of its folders could not either.
  for (const part of [".", "proof", "rfc6962", "compact"]) {
    mkdirSync(join(merkle, part), { recursive: true });
    for (const name of spawnSync("ls", ["-p", join(proofs, part)], { encoding: "utf8" }).stdout.split("\n"))
      if (/^[a-z0-9_.]+\.go$|^go\.(mod|sum)$/.test(name) && !name.endsWith("_test.go"))
        copyFileSync(join(proofs, part, name), join(merkle, part, name));
  }
  copyFileSync(join(SOURCE, "subtree.go.txt"), join(merkle, "proof/subtree.go"));
  cpSync(SOURCE, witness, { recursive: true });
  go(witness, "build", "-o", "witness", ".");
  return join(witness, "witness");
}

function clientOf(server: RunningServer): Keystead {
  const credential = (name: string): string => readFileSync(join(server.data, "credentials", name), "utf8");
  return createKeystead({
    endpoint: server.api,
    ca: credential("ca.pem"),
    cert: credential("admin.pem"),
    key: credential("admin-key.pem"),
  });
}

test("the published witness cosigns a log that grows, again and again", { skip, timeout: 600_000 }, async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), "keystead-published-witness-"));
  const folder = newFolder();
  t.after(() => {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  });
  const program = built(scratch);
  const configured = (witnesses: readonly object[]): object => ({
    audit: { checkpoint_events: 5, checkpoint_seconds: 1, witnesses },
    connector: { allowed_addresses: ["127.0.0.1"] },
  });
  const first = await serve({ folder, config: configured([]) });
  const { auditVerifierKey } = await clientOf(first).getStatus();
  assert.equal(await first.stop(), 0);

  const witness = spawn(program, [auditVerifierKey], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => witness.kill());
  const lines = createInterface({ input: witness.stdout })[Symbol.asyncIterator]();
  const url = (await lines.next()).value as string;
  const key = (await lines.next()).value as string;
  const server = await serve({ folder, config: configured([{ url, key }]) });
  const keystead = clientOf(server);
  for (let seen = 0n, round = 0; round < 3; round += 1) {
    let size: bigint | undefined;
    // What was not known before is cosigned, however often it takes: from the second on by a proof that it continues the first.
    while (size === undefined) {
      const { checkpoints } = await keystead.listAuditCheckpoints({ fromSize: seen + 1n, pageSize: 1000 });
      size = checkpoints.find((checkpoint) => checkpoint.cosignatures > 0)?.size;
    }
    const { receipt } = await keystead.proveAuditEvent({ sequence: size, size });
    const { witnessed } = checkReceipt(receipt, [parseVerifierKey(auditVerifierKey), parseVerifierKey(key)]);
    assert.deepEqual(
      witnessed.map(({ name }) => name),
      ["witness.example/published"],
    );
    seen = size;
  }
  keystead.close();
  assert.equal(await server.stop(), 0);
});
