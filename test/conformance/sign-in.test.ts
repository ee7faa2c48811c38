import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { spawn } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { signInWithBrowser } from "../../clients/typescript/sign-in/authorization-code.ts";
import { signInWithDevice } from "../../clients/typescript/sign-in/device.ts";
import { checkIdToken } from "../../clients/typescript/sign-in/id-token.ts";
import { KEYSTEAD, newFolder } from "../server.ts";
import { startIdentityProvider } from "./identity-provider.ts";

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split(".")[1] as string, "base64url").toString()) as Record<string, unknown>;

test("with a browser: the code of a real provider comes to loopback and becomes an ID token, by PKCE and with our nonce", async (t) => {
  const idp = await startIdentityProvider(t);
  let opened = "";
  const signedIn = await signInWithBrowser({
    issuer: idp.issuer,
    clientId: idp.clientId,
    scopes: ["groups"],
    timeoutMs: 60_000,
    open: async (address) => {
      opened = address;
      const { location } = await idp.browse(address, "alice");
      // Somebody else's answer, and one without a state, change nothing.
      for (const state of ["", "other"]) assert.equal((await fetch(location.replace(/state=[^&]*/, `state=${state}`))).status, 400);
      assert.equal((await fetch(location)).status, 200);
    },
  });
  assert.equal(signedIn.subject, "alice");
  const asked = new URL(opened).searchParams;
  assert.deepEqual([asked.get("code_challenge_method"), asked.get("response_type")], ["S256", "code"]);
  assert.equal(claimsOf(signedIn.idToken)["nonce"], asked.get("nonce"));
  assert.deepEqual(claimsOf(signedIn.idToken)["groups"], ["hsm-operators", "staff"]);
});

test("as a device: the code is entered in a browser elsewhere, and the provider is asked until then", async (t) => {
  const idp = await startIdentityProvider(t);
  let asked = 0;
  let prompt = { address: "", userCode: "" };
  const signedIn = await signInWithDevice({
    issuer: idp.issuer,
    clientId: idp.clientId,
    scopes: [],
    show: ({ address, userCode }) => {
      prompt = { address, userCode };
    },
    wait: async () => {
      asked += 1;
      if (asked === 2) await idp.browse(prompt.address, "bob", prompt.userCode);
    },
  });
  assert.equal(signedIn.subject, "bob");
  assert.equal(asked, 2);
});

test("keystead token sign-in --device writes the token to a file of its owner alone", async (t) => {
  const idp = await startIdentityProvider(t);
  const out = join(newFolder(), "token");
  const words = ["token", "sign-in", "--device", "--issuer", idp.issuer, "--client-id", idp.clientId, "--out", out];
  const child = spawn(process.execPath, [KEYSTEAD, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    const [, address, code] = /open (\S+) and enter (\S+)\n/.exec(said) ?? [];
    if (address !== undefined && code !== undefined && !entered) {
      entered = true;
      void idp.browse(address, "alice", code);
    }
  });
  let entered = false;
  const [status] = (await once(child, "close")) as [number];
  assert.equal(status, 0, said);
  assert.match(said, /signed in as alice until /);
  assert.equal(claimsOf(readFileSync(out, "utf8").trim())["sub"], "alice");
  assert.equal(statSync(out).mode & 0o777, 0o600);
});

/** A provider that answers what it is told to. */
async function falseProvider(
  t: TestContext,
  answers: Readonly<Record<string, (asked: IncomingMessage) => [number, object]>>,
): Promise<string> {
  const server = createServer((asked, reply) => {
    const [status, body] = (answers[new URL(asked.url ?? "", "http://x").pathname] ?? (() => [404, {}]))(asked);
    reply.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const DISCOVERY = "/.well-known/openid-configuration";

test("a provider that is another one, or has an endpoint without TLS, is not asked for anything", async (t) => {
  let document: object = {};
  const issuer = await falseProvider(t, { [DISCOVERY]: () => [200, document] });
  const begin = (): Promise<unknown> =>
    signInWithDevice({ issuer, clientId: "c", scopes: [], show: () => assert.fail("asked"), wait: async () => undefined });
  for (const [found, code] of [
    [{}, "UNAUTHENTICATED"],
    [{ issuer: `${issuer}/`, token_endpoint: issuer, device_authorization_endpoint: issuer }, "UNAUTHENTICATED"],
    [{ issuer, token_endpoint: "http://idp.example/token", device_authorization_endpoint: issuer }, "INVALID_REQUEST"],
    [{ issuer, token_endpoint: issuer }, "UNAUTHENTICATED"],
  ] as const) {
    document = found;
    await assert.rejects(begin(), { code });
  }
  await assert.rejects(signInWithDevice({ issuer: "http://idp.example", clientId: "c", scopes: [], show: () => undefined }), {
    code: "INVALID_REQUEST",
  });
});

test("as a device: slower when told to, and ended when it is denied or has run out", async (t) => {
  const replies: [number, object][] = [];
  const issuer: string = await falseProvider(t, {
    [DISCOVERY]: () => [200, { issuer, token_endpoint: `${issuer}/token`, device_authorization_endpoint: `${issuer}/device` }],
    "/device": () => [200, { device_code: "d", user_code: "u", verification_uri: "https://x", interval: 1, expires_in: 20 }],
    "/token": () => replies.shift() ?? [400, { error: "authorization_pending" }],
  });
  const waits: number[] = [];
  const begin = (): Promise<unknown> =>
    signInWithDevice({
      issuer,
      clientId: "c",
      scopes: [],
      show: () => undefined,
      wait: async (milliseconds) => void waits.push(milliseconds),
    });
  replies.push([400, { error: "slow_down" }], [400, { error: "access_denied", error_description: "no" }]);
  await assert.rejects(begin(), { code: "UNAUTHENTICATED", detail: "not signed in: access_denied (no)" });
  assert.deepEqual(waits.splice(0), [1000, 6000]);
  await assert.rejects(begin(), { detail: "nobody signed in in time" });
  assert.equal(waits.length, 20);
});

test("an ID token that is another's, for another, or of another request is refused", () => {
  const provider = { issuer: "https://i", authorizationEndpoint: "", tokenEndpoint: "", deviceEndpoint: "", namesItself: true };
  const good = { iss: "https://i", aud: "c", sub: "s", exp: 2000, nonce: "n" };
  const check = (claims: object): unknown => {
    const token = `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
    return checkIdToken({ id_token: token }, provider, { clientId: "c", nonce: "n" }, 1_000_000);
  };
  check(good);
  check({ ...good, aud: ["c", "d"], azp: "c" });
  for (const wrong of [
    { iss: "https://i/" },
    { aud: "d" },
    { aud: ["c", "d"] },
    { azp: "d" },
    { aud: ["c", "d"], azp: "d" },
    { exp: 1000 },
    { exp: "2000" },
    { nonce: "m" },
    { nonce: undefined },
    { sub: "" },
  ])
    assert.throws(() => check({ ...good, ...wrong }), { code: "UNAUTHENTICATED" }, JSON.stringify(wrong));
  for (const body of [{}, { id_token: 1 }, { id_token: "a.b" }, { id_token: "a.b.c" }, { id_token: "e30.W10.x" }])
    assert.throws(() => checkIdToken(body, provider, { clientId: "c", nonce: "n" }), { code: "UNAUTHENTICATED" });
});
