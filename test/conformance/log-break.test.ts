/**
 * A damaged audit log, as the operator of a running server meets it when the vault is opened: in the server log, the status,
 * the metrics, as an alert and by the command line; and what it is like once the log was put back.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DAMAGE_STEPS } from "../../server/vault/duties/integrity.ts";
import { newFolder, ROOT, serve } from "./running-server.ts";
import { hangUp, http } from "./surfaces.ts";

const BAD = 3;

/** The log with one byte of event {@link BAD} changed. */
function damaged(whole: Buffer): Buffer {
  const bytes = Buffer.from(whole);
  let line = 0;
  for (let event = 1; event < BAD; event += 1) line = bytes.indexOf(10, line) + 1;
  const at = bytes.indexOf('"time":"2', line) + 8;
  assert.ok(line > 0 && at > line && at < bytes.indexOf(10, line));
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

test("an unseal that finds the log broken stops the vault, names the event and the steps everywhere, and is over once the log is put back", async (context) => {
  const folder = newFolder();
  const first = await serve({ folder });
  assert.equal(await first.stop(), 0);
  const [segment] = readdirSync(first.data).filter((name) => /^audit\.\d{16}$/.test(name)) as [string];
  const path = join(first.data, segment);
  const whole = readFileSync(path);
  writeFileSync(path, damaged(whole));

  const server = await serve({ folder, args: ["--set", "unseal.method=none"], config: { alerts: { interval_seconds: 1 } } });
  context.after(async () => {
    hangUp();
    await server.stop();
  });
  const credential = (name: string): string => join(server.data, "credentials", name);
  const keystead = (...words: string[]) => {
    const who = ["--ca", credential("ca.pem"), "--client-cert", credential("admin.pem"), "--client-key", credential("admin-key.pem")];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, "keystead.cjs"), ...words, "--endpoint", server.api, ...who],
      { encoding: "utf8", cwd: folder },
    );
    return { exit: status, said: stdout + stderr };
  };
  const unseal = () => keystead("unseal", "--secret", `file:${join(server.data, "unseal/master.key")}`);
  const violations = async (): Promise<string | undefined> =>
    /^hsm_audit_integrity_violations_total (\d+)$/m.exec(
      (await http({ origin: `http://${server.addresses["metrics"]}` }, "GET", "/metrics")).body.toString(),
    )?.[1];
  const statusNow = () => JSON.parse(keystead("status", "--json").said) as Record<string, unknown>;
  const reason = new RegExp(`audit log: event ${BAD}: `);

  assert.equal(await violations(), "0");
  const refused = unseal();
  assert.notEqual(refused.exit, 0);
  assert.match(refused.said, reason);

  const told = await server.record(({ message }) => message === "the vault does nothing from now on");
  assert.equal(told["firstBadSequence"], BAD);
  for (const step of DAMAGE_STEPS) assert.ok((told["steps"] as string).includes(step));
  const alert = await server.record((record) => record.message === "an alert fires" && record["alert"] === "integrity");
  assert.match(alert["detail"] as string, reason);
  assert.equal(await violations(), "1");
  const status = statusNow();
  assert.deepEqual(
    [status["phase"], String(status["audit_first_bad_sequence"] ?? status["auditFirstBadSequence"])],
    ["maintenance", String(BAD)],
    JSON.stringify(status),
  );
  const shown = keystead("status").said;
  assert.match(shown, reason);
  assert.match(shown, new RegExp(`first bad event +${BAD} of the audit log`));
  for (const step of DAMAGE_STEPS) assert.ok(shown.includes(step), shown);
  assert.match(keystead("alerts").said, /integrity/);
  assert.match(keystead("keys", "create", "Ed25519").said, /INTEGRITY_FAILURE/);

  // Closed and opened again it is found again: a seal is no way around it.
  assert.equal(keystead("seal", "--yes").exit, 0);
  assert.match(keystead("status").said, reason);
  assert.match(unseal().said, reason);
  assert.equal(await violations(), "2");
  assert.equal(statusNow()["phase"], "maintenance");

  assert.equal(keystead("seal", "--yes").exit, 0);
  writeFileSync(path, whole);
  const opened = unseal();
  assert.equal(opened.exit, 0, opened.said);
  await server.record(({ message }) => message === "log and store verified");
  const sound = keystead("status").said;
  assert.match(sound, /phase +open/);
  assert.match(sound, /, verified/);
  assert.doesNotMatch(sound, /first bad event|step 1/);
  assert.equal(keystead("keys", "create", "Ed25519").exit, 0);
});
