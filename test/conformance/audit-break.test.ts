/**
 * A real server whose audit log lost a segment: it stops, looks at everything at the next start, waits for administrators, and
 * goes on without the segment once enough of them agreed; every verifier says so from then on.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { acknowledgeAuditBreak } from "@keystead/contract/operations/acknowledge-audit-break";
import { getAuditBreak } from "@keystead/contract/operations/get-audit-break";
import { getAuditLog } from "@keystead/contract/operations/get-audit-log";
import { getStatus } from "@keystead/contract/operations/get-status";
import { sign } from "@keystead/contract/operations/sign";
import { administratorRuns, approverKeys, doorOf, personRuns } from "./people.ts";
import { newFolder, ROOT, serve, type RunningServer } from "./running-server.ts";
import { ask, hangUp, overRest, type Reply } from "./surfaces.ts";

const folder = newFolder();
after(() => rmSync(folder, { recursive: true, force: true }));
const data = join(folder, "data");
const MASTER_KEY = `file:${join(data, "unseal/master.key")}`;
const config = {
  audit: { segment_seconds: "1s", checkpoint_seconds: "1s", break_approvals: 2 },
  approvals: { approver_keys: [...approverKeys(folder, "bob", "carol").values()] },
};

const segments = (): string[] =>
  readdirSync(data)
    .filter((name) => /^audit\.\d{16}$/.test(name))
    .sort();
const signed = (server: RunningServer) => ask("gRPC", doorOf(server), sign, { keyId: "k", data: Buffer.from("x") });
const phase = async (server: RunningServer): Promise<unknown> => (await ask("REST", doorOf(server), getStatus, {})).reply["phase"];

/** Starts the server on the same data, does something with it, and ends it. */
async function during(does: (server: RunningServer) => Promise<void>): Promise<void> {
  const server = await serve({ folder, config });
  try {
    await does(server);
  } finally {
    hangUp();
    assert.equal(await server.stop(), 0);
  }
}

/** The log, offline, by the product or by the verifier that was written from the format page. */
function verified(...words: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "keystead.cjs"), "audit", "verify", ...words], {
    cwd: folder,
    encoding: "utf8",
  });
  return { status, text: `${stdout}${stderr}` };
}
function secondOpinion(...words: string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync("python3", [join(ROOT, "test/audit-verifier"), "log", join(data, "audit"), ...words], {
    encoding: "utf8",
  });
  return { status, text: `${stdout}${stderr}` };
}

/** One byte of a line in the middle of a segment is another one. */
function damage(name: string): void {
  const path = join(data, name);
  const bytes = readFileSync(path);
  const at = bytes.indexOf('"outcome":"OK"') + '"outcome":"'.length;
  bytes.write("N", at, "latin1");
  writeFileSync(path, bytes);
}

test("a log that lost a segment stops the vault, is looked at as a whole, and goes on once two administrators agreed", async () => {
  let old = "";
  await during(async (server) => {
    const made = await overRest(doorOf(server), "POST", "/api/v1/keys", JSON.stringify({ key_id: "k", algorithm: "Ed25519" }));
    assert.equal(made.status, 201);
    while (segments().length < 5) assert.ok((await signed(server)).ok);
    old = (await administratorRuns(server, folder, "audit", "checkpoint")).out;
    const none = await administratorRuns(server, folder, "audit", "acknowledge", "0".repeat(64), "--reason", "none", "--yes");
    assert.match(none.err, /no damage of the audit log waits/);
  });
  assert.equal(verified("--data-dir", data).status, 0);
  const [, second = "", third = ""] = segments();
  const whole = readFileSync(join(data, second));
  damage(second);
  assert.equal(verified("--data-dir", data).status, 10);

  await during(async (server) => {
    // Found by the verification in the background: from then on nothing is done.
    await server.record(({ message }) => message === "the vault does nothing from now on");
    assert.equal((await signed(server)).code, "INTEGRITY_FAILURE");
    const { reply } = await ask("REST", doorOf(server), getAuditBreak, {});
    assert.deepEqual([reply["digest"] ?? "", reply["segments"] ?? []], ["", []]);
    assert.match((reply["steps"] as string[]).at(-1) ?? "", /start the server nevertheless/);
    const refused = await ask("gRPC", doorOf(server), acknowledgeAuditBreak, { digest: "0".repeat(64), reason: "now" });
    assert.equal(refused.code, "INTEGRITY_FAILURE");
  });
  assert.ok(existsSync(join(data, "audit.broken")));

  let id = "";
  await during(async (server) => {
    // What was found is known before anything is answered.
    assert.equal(await phase(server), "maintenance");
    assert.equal((await signed(server)).code, "INTEGRITY_FAILURE");
    const found: Reply[] = [];
    for (const surface of ["REST", "gRPC"] as const) found.push((await ask(surface, doorOf(server), getAuditBreak, {})).reply);
    const digest = String(found[0]?.["digest"]);
    assert.equal(digest, found[1]?.["digest"]);
    assert.match(digest, /^[0-9a-f]{64}$/);
    const shown = await administratorRuns(server, folder, "audit", "break");
    for (const word of [digest, second, String(Number(third.slice(-16)) - 1), "keystead audit acknowledge"])
      assert.ok(shown.out.includes(word), word);

    const other = await administratorRuns(server, folder, "audit", "acknowledge", "0".repeat(64), "--reason", "disk 2", "--yes");
    assert.match(other.err, /not the break that was found/);
    const held = await administratorRuns(server, folder, "audit", "acknowledge", digest, "--reason", "disk 2", "--yes", "--json");
    assert.equal(held.exit, 11, held.err);
    id = String((JSON.parse(held.err) as { error: { approval_id: string } }).error.approval_id);
    const wrongRole = await personRuns("bob", "Auditor", server, folder, "approvals", "approve", id, "--key", "bob.pem", "--yes");
    assert.notEqual(wrongRole.exit, 0, wrongRole.out);
    const first = await personRuns("bob", "Administrator", server, folder, "approvals", "approve", id, "--key", "bob.pem", "--yes");
    assert.match(first.out, /state +pending/, first.out);
    const again = await personRuns("bob", "Administrator", server, folder, "approvals", "approve", id, "--key", "bob.pem", "--yes");
    assert.notEqual(again.exit, 0, "nobody counts twice");
    assert.equal(await phase(server), "maintenance");
  });
  assert.equal(verified("--data-dir", data).status, 10);

  await during(async (server) => {
    assert.equal(await phase(server), "maintenance");
    const done = await personRuns("carol", "Administrator", server, folder, "approvals", "approve", id, "--key", "carol.pem", "--yes");
    assert.match(done.out, /state +done/, done.out);
    await server.record(({ message }) => message === "working");
    assert.ok((await signed(server)).ok);
    assert.match(String((await ask("REST", doorOf(server), getStatus, {})).reply["audit_integrity"]), /^verified, but for 1 damaged/);
    const said = (await ask("gRPC", doorOf(server), getAuditLog, { action: "AcknowledgeAuditBreak", outcome: "OK" })).reply[
      "events"
    ] as Reply[];
    assert.equal(said.length, 1);
    const { breaks } = JSON.parse(String(said[0]?.["canonical"])) as { breaks: { first: number; bytes: number }[] };
    assert.deepEqual(
      breaks.map(({ first, bytes }) => [first, bytes]),
      [[Number(second.slice(-16)), whole.length]],
    );
    // Searches go around the segment, and the log still proves that it continues what it was.
    const all = await administratorRuns(server, folder, "audit", "tail", "--json");
    assert.equal(all.exit, 0, all.err);
    writeFileSync(join(folder, "old.checkpoint"), old);
  });
  assert.ok(!existsSync(join(data, "audit.broken")) && existsSync(join(data, `${second}.damaged`)));

  const key = join(folder, "log.key");
  await during(async (server) => {
    await server.record(({ message }) => message === "log and store verified");
    assert.ok((await signed(server)).ok);
    writeFileSync(key, (await administratorRuns(server, folder, "audit", "checkpoint", "--key")).out);
  });
  const after = verified("--data-dir", data);
  assert.equal(after.status, 12, after.text);
  assert.match(after.text, /^SET ASIDE {2}events \d+ to \d+: damaged/m);
  assert.match(after.text, /^Whole but for 1 segment/m);
  const alone = verified("--log", join(data, "audit"), "--key", key, "--json");
  assert.equal(alone.status, 12, alone.text);
  assert.equal((JSON.parse(alone.text) as { verified: boolean }).verified, false);
  const continued = verified("--log", join(data, "audit"), "--key", key, "--checkpoint", join(folder, "old.checkpoint"));
  assert.notEqual(continued.status, 10, continued.text);
  const python = secondOpinion("--public-key", readFileSync(key, "utf8").trim(), "--json");
  assert.equal(python.status, 12, python.text);

  // Without its mark, or with a mark on another segment, it is broken again.
  renameSync(join(data, `${second}.damaged`), join(folder, "mark"));
  for (const opinion of [verified("--data-dir", data), secondOpinion()]) assert.equal(opinion.status, 10, opinion.text);
  renameSync(join(folder, "mark"), join(data, `${second}.damaged`));
  writeFileSync(join(data, `${third}.damaged`), "keystead damaged 1\n");
  for (const opinion of [verified("--data-dir", data, "--master-key", MASTER_KEY), secondOpinion()]) {
    assert.equal(opinion.status, 10, opinion.text);
    assert.match(opinion.text, new RegExp(`event ${Number(third.slice(-16))}:`));
  }
  rmSync(join(data, `${third}.damaged`));

  // A segment that is missing is known at the start, and a copy that is put back ends it.
  renameSync(join(data, third), join(folder, "third"));
  await during(async (server) => {
    assert.equal(await phase(server), "maintenance");
    const { reply } = await ask("REST", doorOf(server), getAuditBreak, {});
    assert.deepEqual(
      (reply["segments"] as Reply[]).map(({ name }) => name),
      [third],
    );
  });
  renameSync(join(folder, "third"), join(data, third));
  await during(async (server) => {
    assert.ok((await signed(server)).ok);
    assert.match(String((await ask("REST", doorOf(server), getStatus, {})).reply["audit_integrity"]), /^verified, but for 1 damaged/);
  });
  assert.ok(!existsSync(join(data, "audit.broken")));
});
