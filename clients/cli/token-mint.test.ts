/** Minted tokens verify with jose under the public half, for all four algorithms; wrong keys are refused without being shown. */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { calculateJwkThumbprint, decodeJwt, jwtVerify } from "jose";
import { ttlSeconds } from "./commands/token-mint.ts";
import { newFolder, runIn } from "./recording-shell.ts";

const claims = [
  "--subject",
  "build",
  "--role",
  "KeyUser",
  "--role",
  "Auditor",
  "--namespace",
  "payments",
  "--ttl",
  "5m",
  "--issuer",
  "ci",
  "--audience",
  "keystead",
];
const pemOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }) as string;

test("RS256, ES256 and EdDSA tokens verify under the public key, with the key's thumbprint as kid", async () => {
  const pairs = {
    RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
    EdDSA: generateKeyPairSync("ed25519"),
  };
  for (const [algorithm, { privateKey, publicKey }] of Object.entries(pairs)) {
    const cwd = newFolder();
    writeFileSync(join(cwd, "key.pem"), pemOf(privateKey));
    writeFileSync(join(cwd, "key.jwk"), JSON.stringify(privateKey.export({ format: "jwk" })));
    for (const key of ["key.pem", "file:key.pem", "file:key.jwk"]) {
      const { out, exit, err } = await runIn({ cwd }, "token", "mint", "--key", key, "--algorithm", algorithm, ...claims);
      assert.equal(exit, 0, err);
      const { payload, protectedHeader } = await jwtVerify(out.toString().trim(), publicKey, {
        issuer: "ci",
        audience: "keystead",
        subject: "build",
        algorithms: [algorithm],
        requiredClaims: ["exp", "iat", "nbf", "jti"],
      });
      assert.deepEqual([payload["roles"], payload["namespaces"]], [["KeyUser", "Auditor"], ["payments"]]);
      assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 300);
      assert.equal(protectedHeader.kid, await calculateJwkThumbprint(createPublicKey(privateKey).export({ format: "jwk" }) as never));
    }
  }
});

test("HS256 tokens verify under the secret, given as text, octet JWK or raw bytes", async () => {
  const secret = randomBytes(48);
  const cwd = newFolder();
  writeFileSync(join(cwd, "raw"), secret);
  writeFileSync(join(cwd, "oct.jwk"), JSON.stringify({ kty: "oct", k: secret.toString("base64url"), kid: "h1" }));
  for (const [reference, env] of [
    ["env:S", { S: `base64:${secret.toString("base64")}` }],
    ["file:raw", {}],
    ["oct.jwk", {}],
  ] as const) {
    const { out, err } = await runIn(
      { cwd, env },
      "token",
      "mint",
      "--key",
      reference,
      "--algorithm",
      "hs256",
      "--kid",
      "mine",
      ...claims,
      "--json",
    );
    assert.equal(err, "");
    const { token, algorithm, expires_at: expiresAt } = JSON.parse(out.toString());
    assert.equal(algorithm, "HS256");
    assert.ok(Date.parse(expiresAt) > Date.now());
    assert.equal((await jwtVerify(token, secret, { audience: "keystead" })).protectedHeader.kid, "mine");
  }
});

test("key, issuer and audience come from the profile when left out; a single role is also emitted as `role`", async () => {
  const cwd = newFolder();
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  writeFileSync(join(cwd, "token-key.pem"), pemOf(privateKey));
  writeFileSync(join(cwd, "p.json"), JSON.stringify({ tokenKey: "token-key.pem", issuer: "keystead-local", audience: "keystead" }));
  const { out } = await runIn({ cwd }, "token", "mint", "--profile", "p.json", "--subject", "me", "--role", "Administrator");
  const { payload } = await jwtVerify(out.toString().trim(), publicKey, { issuer: "keystead-local", audience: "keystead" });
  assert.equal(payload["role"], "Administrator");
  assert.notEqual(
    payload.jti,
    decodeJwt((await runIn({ cwd }, "token", "mint", "--profile", "p.json", "--subject", "me")).out.toString().trim()).jti,
  );
});

test("refuses the wrong algorithm, a weak key and a short secret, without showing them", async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "ed.pem"), pemOf(generateKeyPairSync("ed25519").privateKey));
  writeFileSync(join(cwd, "weak.pem"), pemOf(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey));
  writeFileSync(join(cwd, "p521.pem"), pemOf(generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey));
  writeFileSync(join(cwd, "broken.pem"), ["-----BEGIN", "PRIVATE", "KEY-----\nhunter2\n-----END", "PRIVATE", "KEY-----\n"].join(" "));
  for (const line of [
    ["ed.pem", "RS256"],
    ["ed.pem", "HS256"],
    ["ed.pem", "none"],
    ["weak.pem", "RS256"],
    ["p521.pem", "ES256"],
    ["broken.pem", "EdDSA"],
    ["env:SHORT", "HS256"],
    ["env:SHORT", "EdDSA"],
  ]) {
    const { exit, err, out } = await runIn(
      { cwd, env: { SHORT: "hunter2" } },
      "token",
      "mint",
      "--key",
      line[0] ?? "",
      "--algorithm",
      line[1] ?? "",
      ...claims,
    );
    assert.equal(exit, 2, line.join(" "));
    assert.doesNotMatch(err + out.toString(), /hunter2/);
  }
});

test("lifetimes have units and a limit", () => {
  assert.deepEqual(["300", "5m", "2h", "1d"].map(ttlSeconds), [300, 300, 7200, 86_400]);
  for (const bad of ["0", "31d", "x", ""]) assert.throws(() => ttlSeconds(bad), { code: "INVALID_REQUEST" });
});
