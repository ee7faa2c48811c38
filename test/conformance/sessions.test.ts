/** Sessions on a real server: over every surface, from the command line, and ended under load on one connection. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { operationByName } from "@keystead/contract/operations/register";
import { totpCode, totpStep } from "@keystead/crypto/totp";
import { SoftwareAuthenticator } from "@keystead/crypto/webauthn/testing/software-authenticator";
import { ROOT, serve, type RunningServer } from "./running-server.ts";
import { ask, hangUp, http, SURFACES, type Door, type Reply } from "./surfaces.ts";

let server: RunningServer;
let admin: Door;
let open: Door;
const PASSWORD = "correct horse battery";

const row = (name: string) => operationByName(name) as NonNullable<ReturnType<typeof operationByName>>;
async function given(name: string, request: object, door: Door = admin): Promise<Reply> {
  const answer = await ask("gRPC", door, row(name), request as never);
  assert.ok(answer.ok, `${name}: ${answer.code} ${answer.detail}`);
  return answer.reply;
}

before(async () => {
  server = await serve({ config: { auth: { webauthn: { rp_id: "localhost", origins: ["https://localhost"] } } } });
  open = { origin: server.api, ca: server.credential("ca.pem") };
  admin = { ...open, cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") };
  await given("GenerateKey", { keyId: "signer", algorithm: Algorithm.Ed25519 });
  await given("GenerateKey", { keyId: "slow", algorithm: Algorithm.Rsa2048 });
  await given("CreateServiceAccount", { name: "load", roles: ["Service"], namespaces: ["default"] });
});
after(async () => {
  hangUp();
  assert.equal(await server.stop(), 0);
});

async function tokensOf(account: string, door: Door = open): Promise<Reply> {
  const { secret_id: secretId } = await given("CreateSecretId", { name: account });
  return (await given("LoginService", { roleId: account, secretId }, door))["tokens"];
}

test("a session begins, is refreshed and ends over every surface, and each surface takes the tokens of every other", async () => {
  for (const [at, surface] of SURFACES.entries()) {
    const next = SURFACES[(at + 1) % SURFACES.length] ?? surface;
    const { secret_id: secretId } = await given("CreateSecretId", { name: "load" });
    const begun = await ask(surface, open, row("LoginService"), { roleId: "load", secretId } as never);
    assert.ok(begun.ok, `${surface}: ${begun.detail}`);
    const { tokens } = begun.reply as { tokens: { refresh_token: string } };
    const refreshed = await ask(next, open, row("RefreshSession"), { refreshToken: tokens.refresh_token } as never);
    assert.ok(refreshed.ok, `${next}: ${refreshed.detail}`);
    const token = (refreshed.reply as { tokens: { access_token: string } }).tokens.access_token;
    const who = await ask(surface, { ...open, token }, row("WhoAmI"), {} as never);
    assert.equal(who.reply["principal"], "service:load", surface);
    assert.ok((await ask(next, { ...open, token }, row("Logout"), {} as never)).ok);
    assert.equal((await ask(surface, { ...open, token }, row("WhoAmI"), {} as never)).code, "UNAUTHENTICATED", surface);
  }
});

test("anybody can verify an access token by /.well-known/jwks.json, with another library and no credential", async () => {
  const { access_token: token } = await tokensOf("load");
  const answer = await http(open, "GET", "/.well-known/jwks.json");
  assert.equal(answer.status, 200);
  assert.match(String(answer.headers["content-type"]), /^application\/json/);
  const { keys } = JSON.parse(answer.body.toString()) as { keys: { kid: string }[] };
  const { payload } = await jwtVerify(token, createLocalJWKSet({ keys } as never), { audience: "keystead", typ: "at+jwt" });
  assert.equal(payload.sub, "service:load");
});

test("a session begun over a connection with a client certificate is refused on every other connection", async () => {
  const { access_token: token } = await tokensOf("load", admin);
  assert.ok(decodeJwt(token)["cnf"] !== undefined);
  assert.equal((await given("WhoAmI", {}, { ...admin, token }))["principal"], "service:load");
  for (const surface of SURFACES)
    assert.equal((await ask(surface, { ...open, token }, row("WhoAmI"), {} as never)).code, "UNAUTHENTICATED", surface);
});

test("once a revocation is answered, nothing more succeeds on an HTTP/2 connection with 200 requests of the session under way", async () => {
  const { access_token: token, session_id: sessionId } = await tokensOf("load");
  const connection = connect(server.api, { ca: readCa() });
  await new Promise((resolve) => connection.once("connect", resolve));
  const post = (keyId: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const stream = connection.request({
        ":method": "POST",
        ":path": "/hsm.HsmService/Sign",
        "content-type": "application/json",
        authorization: `Bearer ${token}`,
      });
      let status = 0;
      stream.on("response", (headers) => (status = Number(headers[":status"])));
      stream.on("error", reject).on("data", () => undefined);
      stream.on("end", () => resolve(status)).end(JSON.stringify({ key_id: keyId, data: "eA==" }));
    });
  assert.equal(await post("signer"), 200);
  let answered = false;
  const late: number[] = [];
  const counts = new Map<number, number>();
  const counted = async (keyId: string): Promise<void> => {
    const status = await post(keyId);
    counts.set(status, (counts.get(status) ?? 0) + 1);
    if (answered && status === 200) late.push(status);
  };
  const load = Array.from({ length: 200 }, (_, index) => counted(index % 4 === 0 ? "slow" : "signer"));
  // On the same connection: answers come in the order in which the server gave them.
  const revoking = new Promise<void>((resolve, reject) => {
    const stream = connection.request({
      ":method": "POST",
      ":path": "/hsm.HsmService/RevokeSession",
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
    });
    stream.on("error", reject).on("data", () => undefined);
    stream.on("end", () => {
      answered = true;
      resolve();
    });
    stream.end(JSON.stringify({ session_id: sessionId }));
  });
  const after_ = Array.from({ length: 50 }, () => counted("signer"));
  await Promise.all([...load, revoking, ...after_]);
  assert.deepEqual(late, []);
  assert.ok((counts.get(401) ?? 0) > 0, JSON.stringify([...counts]));
  assert.equal(await post("signer"), 401);
  connection.close();
});

const readCa = (): string => open.ca as string;

test("a security key is registered and shown on a real server, within the walls of its vault", async () => {
  const first = Buffer.from("the first password");
  const own = Buffer.from(PASSWORD);
  await given("CreateUser", { name: "wanda", password: first, roles: ["KeyUser"], namespaces: ["default"] });
  const { tokens: restricted } = await given("Login", { name: "wanda", password: first }, open);
  await given("SetPassword", { password: own, currentPassword: first }, { ...open, token: restricted.access_token });
  const { tokens } = await given("Login", { name: "wanda", password: own }, open);
  const door = { ...open, token: tokens.access_token as string };
  const key = new SoftwareAuthenticator("localhost", "https://localhost");
  const begun = await given("BeginWebAuthnRegistration", { label: "key", currentPassword: own }, door);
  const registration = key.register(Buffer.from(begun["challenge"] as string, "base64"));
  await given("FinishWebAuthnRegistration", { registrationId: begun["registration_id"], ...registration }, door);
  for (const surface of SURFACES) {
    const { challenge } = await given("Login", { name: "wanda", password: own }, open);
    const webauthn = key.assert(Buffer.from(challenge.webauthn_challenge as string, "base64"));
    const request = { challengeId: challenge.challenge_id as string, webauthn };
    const done = await ask(surface, open, row("CompleteLogin"), request as never);
    assert.ok(done.ok, `${surface}: ${done.code} ${done.detail}`);
    assert.equal((await ask(surface, open, row("CompleteLogin"), request as never)).code, "UNAUTHENTICATED", surface);
  }
});

// ---- the command line ----

interface Said {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the command as somebody with a profile of their own: the server's address and authority, and nothing else. */
function keystead(home: string, ...args: readonly string[]): Promise<Said> {
  const child = spawn(process.execPath, [join(ROOT, "keystead.cjs"), "--profile", join(home, "profile.json"), ...args], {
    cwd: home,
    env: { ...process.env, HOME: home, KEYSTEAD_PROFILE: "" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (piece: Buffer) => (out += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (err += piece.toString()));
  return new Promise((resolve) => child.once("close", (exit) => resolve({ exit, out, err })));
}

test("a person logs in from the command line, changes the first password, adds an app, and is who the server says", async () => {
  const home = join(server.folder, "alice");
  mkdirSync(home);
  chmodSync(home, 0o700);
  writeFileSync(join(home, "ca.pem"), readCa());
  writeFileSync(join(home, "profile.json"), JSON.stringify({ endpoint: server.api, ca: "ca.pem" }));
  writeFileSync(join(home, "first"), "the first password\n");
  writeFileSync(join(home, "own"), `${PASSWORD}\n`);
  await given("CreateUser", { name: "alice", password: Buffer.from("the first password"), roles: ["Operator"], namespaces: ["default"] });
  const run = async (...args: string[]): Promise<string> => {
    const said = await keystead(home, ...args);
    assert.equal(said.exit, 0, `${args.join(" ")}: ${said.err}`);
    return said.out;
  };
  assert.equal((await keystead(home, "login", "alice", "--password", "file:own")).exit, 3);
  assert.match((await keystead(home, "login", "alice")).err, /--password/);
  await run("login", "alice", "--password", "file:first");
  const kept = join(home, "session.json");
  assert.equal(statSync(kept).mode & 0o777, 0o600);
  assert.ok(!readFileSync(kept, "utf8").includes("password"));
  assert.equal((await keystead(home, "sign", "signer", "hello")).exit, 4);
  await run("users", "password", "--current", "file:first", "--password", "file:own");
  assert.ok(!existsSync(kept), "the session ended with the password");
  await run("login", "alice", "--password", "file:own");
  assert.match(await run("sign", "signer", "hello"), /\S/);
  assert.equal(JSON.parse(await run("whoami", "--json")).principal, "user:alice");
  assert.equal(JSON.parse(await run("users", "show", "--json")).name, "alice");

  // An access token that has run out is refreshed, and the file says so.
  const before = JSON.parse(readFileSync(kept, "utf8")) as Record<string, unknown>;
  writeFileSync(kept, JSON.stringify({ ...before, accessExpiresAt: 0 }), { mode: 0o600 });
  const both = await Promise.all([run("whoami"), run("whoami"), run("whoami")]);
  assert.equal(both.length, 3);
  const now = JSON.parse(readFileSync(kept, "utf8")) as Record<string, unknown>;
  assert.notEqual(now["refreshToken"], before["refreshToken"]);

  assert.match(await run("sessions", "list"), /\(this\)/);
  assert.equal((await keystead(home, "sessions", "list", "--all")).exit, 4);
  assert.equal((await keystead(home, "users", "list")).exit, 4);

  // With an app, a login wants its code; the command takes it by reference.
  const { tokens } = await given("Login", { name: "alice", password: Buffer.from(PASSWORD) }, open);
  const door = { ...open, token: tokens.access_token as string };
  const enrolled = await given("EnrollTotp", { currentPassword: Buffer.from(PASSWORD) }, door);
  const secret = base32(enrolled["secret"] as string);
  const used = totpStep(Date.now()) - 1;
  await given("ConfirmTotp", { factorId: enrolled["factor_id"], code: totpCode(secret, used) }, door);
  const { codes } = await given("GenerateRecoveryCodes", { currentPassword: Buffer.from(PASSWORD) }, door);
  writeFileSync(join(home, "code"), totpCode(secret, used));
  assert.equal((await keystead(home, "login", "alice", "--password", "file:own", "--code", "file:code")).exit, 3);
  writeFileSync(join(home, "code"), totpCode(secret, totpStep(Date.now())));
  await run("login", "alice", "--password", "file:own", "--code", "file:code");
  assert.ok(JSON.parse(await run("whoami", "--json")).mfa_at !== undefined);
  writeFileSync(join(home, "recovery"), codes[0]);
  await run("login", "alice", "--password", "file:own", "--recovery-code", "file:recovery");
  await run("logout");
  assert.ok(!existsSync(kept));
  assert.notEqual((await keystead(home, "whoami")).exit, 0);
});

test("a service account logs in from the command line with its secret id, and a session that others may read is refused", async () => {
  const home = join(server.folder, "builder");
  mkdirSync(home);
  writeFileSync(join(home, "ca.pem"), readCa());
  writeFileSync(join(home, "profile.json"), JSON.stringify({ endpoint: server.api, ca: "ca.pem" }));
  const { secret_id: secretId } = await given("CreateSecretId", { name: "load", maxUses: 1 });
  writeFileSync(join(home, "secret"), secretId);
  const login = (): Promise<Said> => keystead(home, "login", "load", "--service", "--secret-id", "file:secret");
  assert.equal((await login()).exit, 0);
  assert.match((await keystead(home, "whoami")).out, /service:load/);
  assert.equal((await login()).exit, 3);
  chmodSync(join(home, "session.json"), 0o644);
  assert.match((await keystead(home, "whoami")).err, /others may read/);
});

function base32(text: string): Buffer {
  let bits = "";
  for (const char of text) bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(char).toString(2).padStart(5, "0");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

test("no log line of the server holds a password or a token", () => {
  assert.doesNotMatch(server.output(), /correct horse|first password|eyJ[A-Za-z0-9_-]{10}/);
});
