import assert from "node:assert/strict";
import { createPublicKey, hash, verify } from "node:crypto";
import { test, type TestContext } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import type { SessionTokens } from "@keystead/contract/generated/hsm/identity_pb";
import { acceptConfig } from "@keystead/contract/operations/accept-config";
import { completeLogin } from "@keystead/contract/operations/complete-login";
import { createUser } from "@keystead/contract/operations/create-user";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getConfigVersion } from "@keystead/contract/operations/get-config-version";
import { listConfigVersions } from "@keystead/contract/operations/list-config-versions";
import { login } from "@keystead/contract/operations/login";
import { logout } from "@keystead/contract/operations/logout";
import { refreshSession } from "@keystead/contract/operations/refresh-session";
import { setPassword } from "@keystead/contract/operations/set-password";
import { sign } from "@keystead/contract/operations/sign";
import { whoAmI } from "@keystead/contract/operations/who-am-i";
import type { ConfigRecord } from "../operations/configuration-control.ts";
import { askAs, codeAs, person } from "../testing/asking.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { ConfigurationHistory } from "./configuration-history.ts";

const admin = person("user:admin", ["Administrator"]);
const auditor = person("user:rita", ["Auditor"]);
const document = (level: string, requireAcceptedConfig: boolean): string =>
  JSON.stringify({ vault: { requireAcceptedConfig, logLevel: level, unseal: { masterKey: "file:/run/key" } }, logging: { level } });

/** A vault with a key, and ways to start it anew with another configuration. */
async function vaultOf(t: TestContext, required: boolean) {
  const vault = new ClockedVault();
  vault.configuration = document("info", required);
  await ClockedVault.begin(vault);
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  await askAs(vault.monitor, admin, generateKey, { keyId: "k", algorithm: Algorithm.Ed25519 });
  return {
    vault,
    start: async (level: string, required_ = required) => {
      vault.configuration = document(level, required_);
      await vault.reopen();
      return vault.monitor.phase;
    },
    versions: async () => (await askAs(vault.monitor, auditor, listConfigVersions, {})).versions,
    signs: () => codeAs(vault.monitor, admin, sign, { keyId: "k", data: Buffer.from("data") }),
    accepts: (version: number, who = admin) => codeAs(vault.monitor, who, acceptConfig, { version }),
  };
}

test("the first configuration is accepted as it is, and the same again, in whatever order, is no new version", async (t) => {
  const { vault, start, versions, signs } = await vaultOf(t, true);
  assert.equal(await start("info"), "open");
  const { vault: part, logging } = JSON.parse(document("info", true)) as Record<string, object>;
  vault.configuration = JSON.stringify({ logging, vault: part });
  await vault.reopen();
  const [one, ...more] = await versions();
  assert.deepEqual([one?.version, one?.acceptedBy, more.length], [1, "ceremony:configuration", 0]);
  assert.equal(await signs(), "OK");
  assert.equal((await vault.events("RecordConfiguration")).length, 1);
});

test("statement and acceptance verify with the key that they name, and versions name the one before", async (t) => {
  const { vault, start, versions } = await vaultOf(t, false);
  assert.equal(await start("debug"), "open");
  const [two, one] = await versions();
  assert.deepEqual([two?.previous, one?.previous], [one?.digest, "0".repeat(64)]);
  for (const version of [1, 2]) {
    const { configuration, statement, document: text } = await askAs(vault.monitor, auditor, getConfigVersion, { version });
    assert.ok(configuration);
    assert.equal(hash("sha256", statement, "hex"), configuration.digest);
    assert.deepEqual((JSON.parse(statement) as { document: object }).document, JSON.parse(text));
    const key = createPublicKey({ key: Buffer.from(configuration.publicKey), format: "raw-public", asymmetricKeyType: "ed25519" });
    assert.ok(verify(null, Buffer.from(statement), key, configuration.signature));
    assert.ok(verify(null, Buffer.from(configuration.acceptanceStatement), key, configuration.acceptanceSignature));
    const said = JSON.parse(configuration.acceptanceStatement) as { by: string; digest: string };
    assert.deepEqual([said.by, said.digest], ["ceremony:configuration", configuration.digest]);
  }
  assert.equal(await codeAs(vault.monitor, auditor, getConfigVersion, { version: 3 }), "OBJECT_NOT_FOUND");
});

test("where somebody must accept, nothing is done with a changed configuration until an administrator did, over restarts", async (t) => {
  const { vault, start, versions, signs, accepts } = await vaultOf(t, true);
  assert.equal(await start("debug"), "maintenance");
  assert.equal(await start("debug"), "maintenance");
  assert.match(vault.monitor.maintenance?.detail ?? "", /keystead config accept 2/);
  assert.equal(await signs(), "VAULT_SEALED");
  assert.equal((await versions())[0]?.acceptedBy, "");
  assert.equal(await accepts(2, auditor), "PERMISSION_DENIED");
  for (const version of [1, 3]) assert.equal(await accepts(version), "OBJECT_CHANGED");
  assert.equal(vault.monitor.phase, "maintenance");
  assert.equal(await accepts(2), "OK");
  assert.equal(await signs(), "OK");
  assert.equal(await accepts(2), "OK");
  assert.equal(await start("debug"), "open");
  assert.deepEqual(
    (await versions()).map(({ version, acceptedBy }) => [version, acceptedBy]),
    [
      [2, "user:admin"],
      [1, "ceremony:configuration"],
    ],
  );
  const events = await vault.events("AcceptConfig");
  assert.ok(events.some(({ principal, outcome, version }) => principal === "user:admin" && outcome === "OK" && version === 2));
});

test("who is a local user alone logs in to accept, and to nothing else; while log or store are distrusted nobody does", async (t) => {
  const { vault, start } = await vaultOf(t, true);
  const first = Buffer.from("the first password");
  const password = Buffer.from("another password");
  await vault.ask(createUser, { name: "root", password: Buffer.from(first), roles: ["Administrator"], namespaces: ["*"] });
  const enter = async (secret: Buffer): Promise<SessionTokens> => {
    const { tokens } = await vault.over(login, { name: "root", password: Buffer.from(secret) });
    assert.ok(tokens !== undefined);
    return tokens;
  };
  await vault.over(setPassword, { currentPassword: first, password }, { token: (await enter(first)).accessToken });
  const open = await enter(password);

  assert.equal(await start("debug"), "maintenance");
  const refreshed = (await vault.over(refreshSession, { refreshToken: open.refreshToken })).tokens?.accessToken ?? "";
  assert.equal((await vault.over(whoAmI, {}, { token: refreshed })).principal, "user:root");
  await vault.over(logout, {}, { token: refreshed });
  await assert.rejects(vault.over(whoAmI, {}, { token: refreshed }), { code: "UNAUTHENTICATED" });
  await assert.rejects(enter(first), { code: "UNAUTHENTICATED" });
  const { accessToken: token, refreshToken } = await enter(password);
  assert.equal(await vault.codeOf(vault.over(sign, { keyId: "k", data: first }, { token })), "VAULT_SEALED");
  assert.equal(await vault.codeOf(vault.over(setPassword, { currentPassword: password, password: first }, { token })), "VAULT_SEALED");
  assert.equal(await vault.codeOf(vault.over(createUser, { name: "more" }, { token })), "VAULT_SEALED");

  vault.monitor.stop(new HsmError("INTEGRITY_FAILURE", "the log is broken"));
  for (const [why, attempt] of Object.entries({
    "a login": () => enter(password),
    "a login with a wrong password": () => enter(first),
    "a second factor": () => vault.over(completeLogin, { challengeId: "a".repeat(43), totpCode: "123456" }),
    "a refresh": () => vault.over(refreshSession, { refreshToken }),
    "a logout": () => vault.over(logout, {}, { token }),
    "a question who one is": () => vault.over(whoAmI, {}, { token }),
    "an acceptance": () => vault.over(acceptConfig, { version: 2 }, { token }),
  }))
    assert.equal(await vault.codeOf(attempt()), "INTEGRITY_FAILURE", why);

  assert.equal(await start("debug"), "maintenance");
  await vault.over(acceptConfig, { version: 2 }, { token: (await enter(password)).accessToken });
  assert.equal(vault.monitor.phase, "open");
});

test("a configuration cannot take back by itself that somebody must accept it", async (t) => {
  const { start, accepts } = await vaultOf(t, true);
  assert.equal(await start("info", false), "maintenance");
  assert.equal(await accepts(2), "OK");
  assert.equal(await start("debug", false), "open");
  assert.equal(await start("debug", true), "maintenance");
});

test("to go back to what was accepted last needs nobody; to go back further does", async (t) => {
  const { start, accepts } = await vaultOf(t, true);
  assert.equal(await start("debug"), "maintenance");
  assert.equal(await start("info"), "open");
  assert.equal(await start("debug"), "maintenance");
  assert.equal(await accepts(4), "OK");
  assert.equal(await start("info"), "maintenance");
});

test("an integrity stop is not lifted by an acceptance, and none is recorded in it", async (t) => {
  const { vault, start, signs, accepts } = await vaultOf(t, true);
  await start("debug");
  vault.monitor.stop(new HsmError("INTEGRITY_FAILURE", "the log is broken"));
  assert.equal(await accepts(2), "INTEGRITY_FAILURE");
  vault.monitor.accepted("configuration");
  assert.equal(await signs(), "INTEGRITY_FAILURE");
  await vault.reopen();
  assert.equal(vault.monitor.phase, "maintenance");
  assert.equal(await signs(), "VAULT_SEALED");
});

test("the newest versions are kept, and of older ones those that somebody accepted; a gap is where some were removed", async (t) => {
  const { vault, versions, start, accepts } = await vaultOf(t, false);
  vault.configurationsKept = 3;
  const numbers = async (): Promise<number[]> => (await versions()).map(({ version }) => version);
  for (let level = 2; level <= 5; level += 1) assert.equal(await start(`level ${level}`), "open");
  assert.deepEqual(await numbers(), [5, 4, 3]);
  // Somebody has to accept from here on: what somebody accepts stays, and what was accepted last.
  for (let level = 6; level <= 9; level += 1) assert.equal(await start(`level ${level}`, true), "maintenance");
  assert.deepEqual(await numbers(), [9, 8, 7, 5]);
  assert.equal(await accepts(9), "OK");
  for (let level = 10; level <= 14; level += 1) await start(`level ${level}`, true);
  assert.deepEqual(await numbers(), [14, 13, 12, 9]);
  assert.equal(vault.vault.documents.count("configuration"), 4);
  // It is still known what was accepted last.
  assert.equal(await start("level 9", true), "open");
  assert.deepEqual(await numbers(), [15, 14, 13, 9]);

  const gone = (version: number) => askAs(vault.monitor, auditor, getConfigVersion, { version });
  await assert.rejects(gone(8), { code: "OBJECT_NOT_FOUND", detail: /version 8 of the configuration is not kept any more/ });
  await assert.rejects(gone(16), { code: "OBJECT_NOT_FOUND", detail: /there is no version 16/ });
  const removals = (await vault.events("RecordConfiguration"))
    .flatMap(({ records }) => records ?? [])
    .filter(({ digest }) => digest === "");
  assert.deepEqual(
    removals.map(({ name }) => Number(/v(\d{8})/.exec(name)?.[1])),
    [1, 2, 3, 4, 6, 5, 7, 8, 10, 11, 12],
  );
  // The same gap, where no removal could have left it, is damage.
  const opening = ConfigurationHistory.open(
    vault.vault.documents,
    () => vault.now,
    () => undefined,
    4,
  );
  await assert.rejects(opening, { code: "INTEGRITY_FAILURE", detail: /version 12 is missing/ });
});

test("a version or an acceptance that is not what was signed, moved or missing, ends the start", async (t) => {
  const { vault, start } = await vaultOf(t, false);
  await start("debug");
  const { documents } = vault.vault;
  const ids = documents.list<ConfigRecord>("configuration").map(({ id }) => id);
  const stored = await Promise.all(ids.map(async (id) => (await documents.read<ConfigRecord>("configuration", id))?.value as ConfigRecord));
  const [one, two] = stored.sort((a, b) => a.version - b.version) as [ConfigRecord, ConfigRecord];
  assert.ok(two.acceptance);
  const opens = async (records: readonly unknown[]): Promise<string> => {
    const all = records.map((value, index) => ({ id: String(index), value, time: 0 }));
    const forged = Object.create(documents, {
      list: { value: () => [...all] },
      read: { value: (_: string, id: string) => Promise.resolve(all[Number(id)]) },
    }) as never;
    Object.defineProperty(forged, "get", { value: documents.get.bind(documents) });
    try {
      const history = await ConfigurationHistory.open(
        forged,
        () => 0,
        () => undefined,
      );
      return `opened ${history.versions().length}`;
    } catch (error) {
      assert.ok(error instanceof HsmError);
      assert.equal(error.code, "INTEGRITY_FAILURE");
      return error.detail;
    }
  };
  assert.equal(await opens([two, one]), "opened 2");
  assert.match(await opens([two]), /version 1 is missing/);
  assert.match(await opens([one, { ...two, previous: "0".repeat(64) }]), /does not follow/);
  assert.match(await opens([one, { ...two, document: one.document }]), /version 2 is not what was signed/);
  assert.match(await opens([one, { ...two, signature: one.signature }]), /the signature of version 2 is not right/);
  assert.match(
    await opens([one, { ...two, acceptance: { ...two.acceptance, by: "user:mallory" } }]),
    /acceptance of version 2 is not what/,
  );
  assert.match(await opens([one, { ...two, acceptance: one.acceptance }]), /acceptance of version 2 is not what/);
  const signature = one.acceptance?.signature;
  assert.match(await opens([one, { ...two, acceptance: { ...two.acceptance, signature } }]), /signature of the acceptance of version 2/);
});
