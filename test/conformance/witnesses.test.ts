/**
 * Witnesses that nobody here wrote the packages of: they check with Go's checksum database what the vault shows them, and
 * their cosignatures stand with the checkpoints. A witness that fails is no operation's concern.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createKeystead, type Keystead } from "@keystead/client/client";
import { checkReceipt, parseVerifierKey } from "@keystead/client/audit-proofs";
import { newFolder, serve, type RunningServer } from "./running-server.ts";

const noGo = spawnSync("which", ["go"]).status !== 0 && "there is no Go";
const skip = process.env["CI"] !== "true" && noGo;

interface RunningWitness {
  readonly url: string;
  readonly key: string;
  readonly process: ChildProcess;
}

const source = mkdtempSync(join(tmpdir(), "keystead-witness-"));
const folder = newFolder();
const witnesses: RunningWitness[] = [];
after(() => {
  for (const witness of witnesses) witness.process.kill();
  rmSync(source, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

before(() => {
  if (skip !== false) return;
  cpSync(join(import.meta.dirname, "witness"), source, { recursive: true });
  const built = spawnSync("go", ["build", "-o", "witness", "."], { cwd: source, encoding: "utf8" });
  assert.equal(built.status, 0, built.stderr);
});

async function startWitness(logKey: string, ...more: readonly string[]): Promise<RunningWitness> {
  const child = spawn(join(source, "witness"), [logKey, ...more], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const witness = { url: (await lines.next()).value as string, key: (await lines.next()).value as string, process: child };
  witnesses.push(witness);
  return witness;
}

function clientOf(server: RunningServer): Keystead {
  const credential = (name: string): string => readFileSync(join(server.data, "credentials", name), "utf8");
  const keys = { ca: credential("ca.pem"), cert: credential("admin.pem"), key: credential("admin-key.pem") };
  return createKeystead({ endpoint: server.api, ...keys });
}

const configured = (given: readonly RunningWitness[]): object => ({
  audit: { checkpoint_events: 5, checkpoint_seconds: 1, witnesses: given.map(({ url, key }) => ({ url, key })) },
  connector: { allowed_addresses: ["127.0.0.1"] },
});

test(
  "checkpoints are cosigned by witnesses that see only logs that grow, also after a restart of either",
  { skip, timeout: 300_000 },
  async () => {
    const first = await serve({ folder, config: configured([]) });
    const { auditVerifierKey } = await clientOf(first).getStatus();
    assert.equal(await first.stop(), 0);
    const good = await startWitness(auditVerifierKey);
    const stubborn = await startWitness(auditVerifierKey, "1000000");

    for (const round of ["one", "two"]) {
      const server = await serve({ folder, config: configured([good, stubborn]) });
      const keystead = clientOf(server);
      const known = (await keystead.getStatus()).auditSequence;
      let sequence: bigint | undefined;
      // What was not known before is cosigned, however often it takes.
      while (sequence === undefined) {
        const { checkpoints } = await keystead.listAuditCheckpoints({ fromSize: known, pageSize: 1000 });
        sequence = checkpoints.find(({ cosignatures }) => cosignatures > 0)?.size;
      }
      const proven = await keystead.proveAuditEvent({ sequence, size: sequence });
      const keys = [parseVerifierKey(auditVerifierKey), parseVerifierKey(good.key)];
      const { witnessed } = checkReceipt(proven.receipt, keys);
      assert.deepEqual(
        witnessed.map(({ name }) => name),
        ["witness.example/w1"],
        round,
      );
      assert.throws(() => checkReceipt(proven.receipt, [...keys, parseVerifierKey(stubborn.key)]), /not cosigned by/);
      await server.record(({ message }) => message === "a witness did not cosign");
      keystead.close();
      assert.equal(await server.stop(), 0);
    }
  },
);
