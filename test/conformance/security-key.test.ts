/**
 * Security keys by the command line, against a running server: a factor is registered, a login answered and a request
 * approved, by programs that speak libfido2's lines.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey, hash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createKeystead } from "@keystead/client/client";
import { runIn, type Recorded } from "../../clients/cli/recording-shell.ts";
import { newFolder, serve, type RunningServer } from "./running-server.ts";
import { standInSecurityKey } from "./stand-in-security-key.ts";
import { mint } from "./tokens.ts";

const folder = newFolder();
const bin = standInSecurityKey(folder);
let server: RunningServer;

before(async () => {
  server = await serve({
    config: {
      auth: { webauthn: { rp_id: "localhost", origins: ["https://localhost"] } },
      approvals: { rules: [{ name: "ends", operations: ["DeleteKey"], quorum: 1, roles: ["KeyAdmin"] }] },
    },
  });
  writeFileSync(join(folder, "pw"), "correct horse battery\n", { mode: 0o600 });
});

after(async () => {
  assert.equal(await server.stop(), 0);
  rmSync(folder, { recursive: true, force: true });
});

/** A command line with the stand-in's programs on its path. @param who a token, the session of alice, or the administrator */
async function keystead(who: "alice" | "admin" | { readonly token: string }, ...args: string[]): Promise<Recorded & { text: string }> {
  const ca = server.credential("ca.pem");
  const session = join(folder, ".config/keystead/session.json");
  const token =
    who === "alice" && existsSync(session)
      ? (JSON.parse(readFileSync(session, "utf8")) as { accessToken: string }).accessToken
      : typeof who === "object"
        ? who.token
        : undefined;
  const client = createKeystead({
    endpoint: server.api,
    ca,
    ...(who === "admin" ? { cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") } : {}),
    ...(token === undefined ? {} : { token }),
  });
  const env = { KEYSTEAD_ENDPOINT: server.api, PATH: bin };
  const done = await runIn({ client, cwd: folder, env }, ...args);
  return { ...done, text: `${done.out.toString("utf8")}${done.err}` };
}

async function succeeds(...call: Parameters<typeof keystead>): Promise<string> {
  const { exit, text } = await keystead(...call);
  assert.equal(exit, 0, text);
  return text;
}

test("a user registers a security key, and a login is answered with it and with nothing less", async () => {
  await succeeds("admin", "users", "create", "alice", "--role", "KeyAdmin", "--reach", "*", "--password", "file:pw");
  await succeeds("alice", "login", "alice", "--password", "file:pw");
  writeFileSync(join(folder, "pw2"), "another horse battery\n", { mode: 0o600 });
  await succeeds("alice", "users", "password", "--current", "file:pw", "--password", "file:pw2");
  await succeeds("alice", "login", "alice", "--password", "file:pw2");
  await succeeds("alice", "users", "security-key", "--label", "blue", "--password", "file:pw2");
  rmSync(join(folder, ".config"), { recursive: true });

  const said = await succeeds("alice", "login", "alice", "--password", "file:pw2");
  assert.match(
    said,
    /the security key signs, for localhost:\n\{"type":"webauthn.get","challenge":"[\w-]{43}","origin":"https:\/\/localhost"/,
  );
  assert.match(await succeeds("alice", "whoami"), /user:alice/);

  const foreign = await keystead("alice", "login", "alice", "--password", "file:pw2", "--origin", "https://evil.example");
  assert.notEqual(foreign.exit, 0, "an origin that the configuration does not name");
  const other = await keystead("alice", "login", "alice", "--password", "file:pw2", "--rp-id", "evil.example");
  assert.match(other.text, /registered for localhost, and not for evil\.example/);
});

test("a request is approved by a key that lies on a security key, made and remembered by one command", async () => {
  await succeeds("admin", "keys", "create", "Ed25519", "--id", "k");
  const asked = await keystead("admin", "keys", "delete", "k", "--yes", "--json");
  assert.equal(asked.exit, 11, asked.text);
  const id = String((JSON.parse(asked.err) as { error: { approval_id: string } }).error.approval_id);
  const bob = { token: await mint(server.credential("token-key.pem"), { sub: "bob", roles: ["KeyAdmin"] }) };
  assert.match(await succeeds(bob, "approvals", "keys", "add", "--security-key", "blue.json", "--description", "blue"), /ECDSA-P256/);
  const again = await keystead(bob, "approvals", "keys", "add", "--security-key", "blue.json");
  assert.notEqual(again.exit, 0, "the same key is not registered twice");
  const { out: statement } = await keystead(bob, "approvals", "show", id, "--bytes", "--reason", "seen");
  const said = await succeeds(bob, "approvals", "approve", id, "--security-key", "blue.json", "--reason", "seen", "--yes");
  assert.ok(
    said.includes(`its challenge is the SHA-256 of:\n${statement.toString("utf8")}`),
    "exactly the bytes that are signed are shown",
  );
  assert.ok(said.includes(`"challenge":"${hash("sha256", statement, "base64url")}"`));
  assert.match(said, /state +done/);
});

test("an assertion that was made elsewhere counts, and one without the holder's PIN does not", async () => {
  await succeeds("admin", "keys", "create", "Ed25519", "--id", "k2");
  const asked = await keystead("admin", "keys", "delete", "k2", "--yes", "--json");
  const id = String((JSON.parse(asked.err) as { error: { approval_id: string } }).error.approval_id);
  const bob = { token: await mint(server.credential("token-key.pem"), { sub: "bob", roles: ["KeyAdmin"] }) };
  const known = JSON.parse(readFileSync(join(folder, "blue.json"), "utf8")) as { credentialId: string; publicKey: string };
  const { out: statement } = await keystead(bob, "approvals", "show", id, "--bytes");
  const made = (...flags: string[]): object => {
    const challenge = hash("sha256", statement, "base64url");
    const clientData = Buffer.from(JSON.stringify({ type: "webauthn.get", challenge, origin: "https://localhost", crossOrigin: false }));
    const input = `${hash("sha256", clientData, "base64")}\nlocalhost\n${Buffer.from(known.credentialId, "base64url").toString("base64")}\n`;
    const out = execFileSync(join(bin, "fido2-assert"), ["-G", ...flags, join(bin, "key")], { input, encoding: "utf8" }).split("\n");
    const authenticatorData = Buffer.from(out[2] as string, "base64")
      .subarray(2)
      .toString("base64url");
    const signature = Buffer.from(out[3] as string, "base64").toString("base64url");
    return {
      id: known.credentialId,
      type: "public-key",
      response: { authenticatorData, signature, clientDataJSON: clientData.toString("base64url") },
    };
  };
  const spki = Buffer.from(known.publicKey, "base64");
  const approve = (): Promise<Recorded & { text: string }> =>
    keystead(bob, "approvals", "approve", id, "--assertion", "made.json", "--approver-key", hash("sha256", spki, "hex"), "--yes");
  writeFileSync(join(folder, "made.json"), JSON.stringify(made()));
  assert.match((await approve()).text, /the signature is not of this request and verdict/);
  writeFileSync(join(folder, "made.json"), JSON.stringify(made("-v")));
  assert.match((await approve()).text, /state +done/);
});

test("a second factor becomes an approver key by its own assertion, and ends with the factor", async () => {
  const { factors } = JSON.parse(await succeeds("admin", "users", "show", "alice", "--json")) as { factors: { factor_id: string }[] };
  const factor = factors[0]?.factor_id ?? "";
  const held = async (keyId: string): Promise<string> => {
    await succeeds("admin", "keys", "create", "Ed25519", "--id", keyId);
    const asked = await keystead("admin", "keys", "delete", keyId, "--yes", "--json");
    return String((JSON.parse(asked.err) as { error: { approval_id: string } }).error.approval_id);
  };
  const approve = (id: string) => keystead("alice", "approvals", "approve", id, "--security-key", "adopted.json", "--yes");
  const foreign = await keystead("alice", "approvals", "keys", "adopt", factor, "--origin", "https://evil.example");
  assert.match(foreign.text, /does not prove that you hold this passkey/);
  const bob = { token: await mint(server.credential("token-key.pem"), { sub: "bob", roles: ["KeyAdmin"] }) };
  assert.match((await keystead(bob, "approvals", "keys", "adopt", factor)).text, /the caller is none/);
  const { vault_id: vault } = JSON.parse(await succeeds("alice", "approvals", "keys", "list", "--json")) as { vault_id: string };
  const text = `Keystead approver key out of a passkey, version 1\n${JSON.stringify({ credential: factor, principal: "user:alice", vault })}`;
  const challenge = hash("sha256", text, "base64url");
  const clientData = Buffer.from(JSON.stringify({ type: "webauthn.get", challenge, origin: "https://localhost", crossOrigin: false }));
  const input = `${hash("sha256", clientData, "base64")}\nlocalhost\n${Buffer.from(factor, "base64url").toString("base64")}\n`;
  const touched = execFileSync(join(bin, "fido2-assert"), ["-G", join(bin, "key")], { input, encoding: "utf8" }).split("\n");
  const response = {
    authenticatorData: Buffer.from(touched[2] as string, "base64")
      .subarray(2)
      .toString("base64url"),
    signature: Buffer.from(touched[3] as string, "base64").toString("base64url"),
    clientDataJSON: clientData.toString("base64url"),
  };
  writeFileSync(join(folder, "touched.json"), JSON.stringify({ response }));
  const unverified = await keystead("alice", "approvals", "keys", "adopt", factor, "--assertion", "touched.json");
  assert.match(unverified.text, /and were verified by it/, "a touch without the PIN");
  assert.match(await succeeds("alice", "approvals", "keys", "adopt", factor, "--security-key", "adopted.json"), /ECDSA-P256 +user:alice/);
  assert.match((await keystead("alice", "approvals", "keys", "adopt", factor)).text, /this key is registered, or was/);
  assert.match((await approve(await held("k3"))).text, /state +done/);
  const id = await held("k4");
  await succeeds("alice", "users", "remove-factor", factor, "--password", "file:pw2");
  assert.match((await approve(id)).text, /the second factor that this approver key is too was taken away/);
});

test("without the programs the command says where they come from", async () => {
  const done = await runIn(
    {
      client: { listApproverKeys: () => ({ keys: [], vaultId: "v", principal: "p", person: "p" }) },
      cwd: folder,
      env: { PATH: "/nowhere" },
    },
    "approvals",
    "keys",
    "add",
    "--security-key",
    "none.json",
  );
  assert.equal(done.exit, 2);
  assert.match(done.err, /fido2-token is not installed; .*apt install fido2-tools/);
});

test("libfido2 itself verifies what the stand-in makes", (t) => {
  if (spawnSync("fido2-assert", ["-V"]).error !== undefined) return t.skip("fido2-tools is not installed");
  const clientDataHash = hash("sha256", "anything", "base64");
  const user = Buffer.from("user id").toString("base64");
  const key = join(bin, "key");
  const made = execFileSync(join(bin, "fido2-cred"), ["-M", "-v", key], { input: `${clientDataHash}\nlocalhost\nuser\n${user}\n` });
  const [id = "", ...pem] = execFileSync("fido2-cred", ["-V", "-v"], { input: made, encoding: "utf8" }).split("\n");
  writeFileSync(join(folder, "cred.pem"), pem.join("\n"));
  assert.equal(createPublicKey(pem.join("\n")).asymmetricKeyType, "ec");
  const asserted = execFileSync(join(bin, "fido2-assert"), ["-G", "-v", key], {
    input: `${clientDataHash}\nlocalhost\n${id}\n`,
    encoding: "utf8",
  });
  const verified = (input: string): number | null =>
    spawnSync("fido2-assert", ["-V", "-p", "-v", join(folder, "cred.pem"), "es256"], { input }).status;
  assert.equal(verified(asserted), 0);
  assert.notEqual(verified(asserted.replace("localhost", "elsewhere")), 0);
});
