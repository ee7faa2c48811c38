/**
 * A log that any version wrote verifies for ever: by the product, and by the verifier that was written from the published
 * format and shares no code with it. `make.ts` makes a golden log of a new version.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { PYTHON, SecondOpinion, VERIFIER } from "../audit-verifier/second-opinion.ts";
import { firstOpinion } from "../audit-verifier/first-opinion.ts";
import { consistencyProof, inclusionProof } from "@keystead/crypto/public/tlog/proof";
import { receiptText } from "@keystead/crypto/public/tlog/receipt";
import { tiledNodes } from "@keystead/crypto/public/tlog/tiles";
import { HASH_BYTES } from "@keystead/crypto/public/tlog/tree-hash";
import { KEYSTEAD } from "../server.ts";
import { goldenLog, goldenLogs } from "./golden.ts";

const noPython = spawnSync(PYTHON, ["--version"]).status !== 0 && process.env["CI"] !== "true" && "there is no Python";
const second = noPython === false ? new SecondOpinion() : undefined;
after(() => second?.close());

/** What a program says, and how it ends. */
async function run(command: string, words: readonly string[]): Promise<{ status: number | null; said: string }> {
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const status = await new Promise<number | null>((done) => child.once("close", done));
  return { status, said };
}

for (const { name, path, files, facts } of goldenLogs()) {
  const setAside = facts.set_aside ?? [];
  const whole = setAside.length === 0;
  // The folder of the golden log has the audit key nowhere but in its facts, so gaps are crossed as by somebody without it.
  const expected = { verified: whole, events: facts.events, head: facts.head };

  test(`the log of ${name} verifies, with its MACs and checkpoints`, async () => {
    const { verified, events, head, problems } = await firstOpinion(files, facts);
    assert.deepEqual({ verified, events, head, problems }, { ...expected, problems: [] });
  });

  test(`keystead audit verify accepts the log of ${name}`, async () => {
    const { status, said } = await run(process.execPath, [KEYSTEAD, "audit", "verify", "--log", path, "--json"]);
    const { verified, events, head, set_aside: gaps } = JSON.parse(said) as Record<string, unknown>;
    assert.deepEqual({ status, verified, events, head, gaps }, { status: whole ? 0 : 12, ...expected, gaps: setAside });
  });

  test(`the second verifier accepts the log of ${name}, as a command and with its keys`, { skip: noPython }, async () => {
    const { status, said } = await run(PYTHON, [...VERIFIER, "log", path, "--json"]);
    assert.equal(status, whole ? 0 : 12, said);
    await second?.open(files, facts);
    const { verified, events, head, problems, notes } = (await second?.verify()) ?? {};
    assert.deepEqual({ verified, events, head, problems, notes }, { ...expected, problems: [], notes: [] });
  });
}

test(
  "the second verifier accepts every receipt and consistency proof of the product, and none that was changed",
  { skip: noPython },
  async () => {
    const { files, facts } = goldenLog("0.1.0-checkpoints");
    const file = (ending: string): Buffer => files.get(ending) as Buffer;
    const notes = file("checkpoints")
      .toString("utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { size: number; note: string });
    const { size, note } = notes.at(-1) as { size: number; note: string };
    const read = tiledNodes((level, first, count) => file(`tree.${level}`).subarray(first * HASH_BYTES, (first + count) * HASH_BYTES));
    await second?.open(files, facts);
    for (let index = 0; index < size; index += 5) {
      const entry = file("tree.entries").subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
      const receipt = receiptText({ entry, index, proof: inclusionProof(index, size, read), note });
      const said = await second?.receipt(receipt);
      assert.deepEqual(said, { verified: true, sequence: index + 1, hash: entry.toString("hex"), size });
      assert.equal((await second?.receipt(receipt.replace(`index ${index}`, `index ${index + 1}`)))?.verified, false);
      assert.equal((await second?.receipt(receipt.replace(`\n${size}\n`, `\n${size - 1}\n`)))?.verified, false);
    }
    for (const old of notes) {
      const proof = consistencyProof(old.size, size, read).map((hash) => hash.toString("base64"));
      assert.equal((await second?.consistency(old.note, note, proof))?.verified, true);
      assert.equal((await second?.consistency(old.note, note, [...proof, proof[0] ?? note.split("\n")[2] ?? ""]))?.verified, false);
    }
  },
);

test(
  "a log without its first segments continues a checkpoint that somebody kept, to both verifiers, and no other log does",
  { skip: noPython },
  async (t) => {
    const { path, files, facts } = goldenLog("0.1.0-checkpoints");
    const folder = mkdtempSync(join(tmpdir(), "keystead-golden-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    cpSync(dirname(path), folder, { recursive: true });
    const kept = (files.get("checkpoints") as Buffer)
      .toString("utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { size: number; note: string });
    const [first = "", second = "", third = ""] = [...files.keys()].filter((ending) => /^\d{16}$/.test(ending)).sort();
    for (const ending of [first, second]) for (const more of ["", ".anchors"]) rmSync(join(folder, `audit.${ending}${more}`));
    const note = kept.find(({ size }) => size >= Number(third))?.note ?? "";
    const log = join(folder, "audit");
    const key = facts.public_key ?? "";
    const opinions = async (text: string): Promise<(number | null)[]> => {
      writeFileSync(join(folder, "kept"), text);
      const product = await run(process.execPath, [
        KEYSTEAD,
        "audit",
        "verify",
        "--log",
        log,
        "--key",
        key,
        "--checkpoint",
        join(folder, "kept"),
        "--json",
      ]);
      const python = await run(PYTHON, [...VERIFIER, "log", log, "--public-key", key, "--continues", join(folder, "kept"), "--json"]);
      return [product.status, python.status];
    };
    assert.deepEqual(await opinions(note), [0, 0]);
    // One of fewer events than are gone does not lead to what is there; one that was changed is nobody's.
    assert.deepEqual(await opinions(kept[0]?.note ?? ""), [10, 10]);
    assert.deepEqual(await opinions(note.replace(/\n\d+\n/, (size) => `\n${Number(size) + 1}\n`)), [10, 10]);
    for (const [command, words] of [
      [process.execPath, [KEYSTEAD, "audit", "verify", "--log", log, "--key", key]],
      [PYTHON, [...VERIFIER, "log", log, "--public-key", key]],
    ] as const)
      assert.equal((await run(command, words)).status, 10, "without the checkpoint the first events are missing");
  },
);

test("the second verifier knows the published answers of what it is made of", { skip: noPython }, async () => {
  const { status } = await run(PYTHON, ["-B", `${VERIFIER[1]}/self_test.py`]);
  assert.equal(status, 0);
});
