/**
 * A log that any version wrote verifies for ever: by the product, and by the verifier that was written from the published
 * format and shares no code with it. `make.ts` makes a golden log of a new version.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { after, test } from "node:test";
import { PYTHON, SecondOpinion, VERIFIER } from "../audit-verifier/second-opinion.ts";
import { firstOpinion } from "../audit-verifier/first-opinion.ts";
import { KEYSTEAD } from "../server.ts";
import { goldenLogs } from "./golden.ts";

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
  test(`the log of ${name} verifies, with its MACs and checkpoints`, async () => {
    const { verified, events, head, problems } = await firstOpinion(files, facts);
    assert.deepEqual({ verified, events, head, problems }, { verified: true, events: facts.events, head: facts.head, problems: [] });
  });

  test(`keystead audit verify accepts the log of ${name}`, async () => {
    const { status, said } = await run(process.execPath, [KEYSTEAD, "audit", "verify", "--log", path, "--json"]);
    const { verified, events, head } = JSON.parse(said) as Record<string, unknown>;
    assert.deepEqual({ status, verified, events, head }, { status: 0, verified: true, events: facts.events, head: facts.head });
  });

  test(`the second verifier accepts the log of ${name}, as a command and with its keys`, { skip: noPython }, async () => {
    const { status, said } = await run(PYTHON, [...VERIFIER, "log", path, "--json"]);
    assert.equal(status, 0, said);
    await second?.open(files, facts);
    const { verified, events, head, notes } = (await second?.verify()) ?? {};
    assert.deepEqual({ verified, events, head, notes }, { verified: true, events: facts.events, head: facts.head, notes: [] });
  });
}

test("the second verifier knows the published answers of what it is made of", { skip: noPython }, async () => {
  const { status } = await run(PYTHON, ["-B", `${VERIFIER[1]}/self_test.py`]);
  assert.equal(status, 0);
});
