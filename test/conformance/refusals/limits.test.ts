/** What is missing, beyond a limit, or comes where or when nothing is open for it: values, bodies, names, paths, a sealed vault. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ErrorCode } from "@keystead/contract/errors";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { SURFACES, ask, askBytes, askJson, http, overRest, restRequest } from "../surfaces.ts";
import { mint } from "../tokens.ts";
import { assertRefusal } from "./refusal.ts";
import { BODY_BYTES, refusingVault } from "./refusing-vault.ts";
import { ABOUT_A_KEY, DATA, OPEN, row } from "./requests.ts";
import { REQUIRED } from "./required-fields.ts";
import { hasBody, inPath, jsonOf } from "./wrong-messages.ts";

const vault = refusingVault();
const { given, numbered, refused, valid } = vault;

test("a required field that is missing is refused, in every operation on every surface", async () => {
  for (const operation of OPEN) {
    for (const name of [...(REQUIRED[operation.name] ?? []), ...(ABOUT_A_KEY.includes(operation) ? ["keyId"] : [])]) {
      const { [name]: _, ...request } = valid(operation);
      for (const surface of SURFACES) {
        // On REST the id is part of the path: without it there is another path, or none.
        const field = operation.method.input.fields.find(({ localName }) => localName === name);
        if (surface === "REST" && (name === "keyId" || (field !== undefined && inPath(operation, field)))) continue;
        await refused(surface, vault.admin, operation, request, "INVALID_REQUEST", `without ${name}`);
      }
    }
  }
});

test("values outside their limits are refused, on every surface", async () => {
  const long = "x".repeat(1025);
  const cases: [string, object][] = [
    ["GenerateKey", { algorithm: 99 }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, description: long }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, tags: ["a b"] }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, tags: Array.from({ length: 65 }, (_, at) => `t${at}`) }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, usage: [0] }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, namespace: "Über" }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, namespace: "-a" }],
    ["GenerateKey", { algorithm: Algorithm.Ed25519, namespace: "a".repeat(64) }],
    ["ListKeys", { perPage: 1001 }],
    ["ListKeys", { page: 1_000_001 }],
    ["ListKeys", { pageToken: "*" }],
    ["GenerateRandom", { sizeBytes: 65_537 }],
    ["GenerateDataKey", { keyId: "cipher", sizeBytes: 31 }],
    ["GetAuditLog", { pageSize: 1001 }],
    ["GetAuditLog", { pageToken: "-1" }],
    ["CreateNamespace", { namespace: "a/b" }],
    ["CreateNamespace", { namespace: ".." }],
    ["Hash", { algorithm: 99 }],
    ["Sign", { keyId: "signer", digest: 99 }],
    ["Batch", { items: [{}] }],
    ["Batch", { items: Array.from({ length: 1001 }, () => ({ operation: { case: "sign", value: { keyId: "signer" } } })) }],
    ["Decrypt", { keyId: "cipher", ciphertext: DATA, nonce: Buffer.alloc(65) }],
    ["VerifyMac", { keyId: "mac", data: DATA, mac: Buffer.alloc(1025) }],
  ];
  for (const [name, request] of cases) {
    for (const surface of SURFACES) {
      const { door, id } = numbered(vault.admin);
      assertRefusal(
        await ask(surface, door, row(name), request as never),
        surface,
        "INVALID_REQUEST",
        `${name} ${JSON.stringify(request).slice(0, 60)}`,
        id,
      );
    }
  }
});

test("a body beyond server.body_bytes is refused on every surface by every operation, and the connection's next request is served", async () => {
  const big = Buffer.alloc(BODY_BYTES + 1024, 0x20);
  for (const operation of OPEN) {
    for (const surface of SURFACES) {
      if (surface === "REST" && !hasBody(operation)) continue;
      const { door, id } = numbered(vault.admin);
      const { method, path } = restRequest(operation, jsonOf(operation, valid(operation)));
      const answer =
        surface === "REST"
          ? await overRest(door, method, path, big)
          : surface === "Connect JSON"
            ? await askJson(surface, door, operation, big.toString())
            : await askBytes(surface, door, operation, big);
      assertRefusal(answer, surface, "REQUEST_TOO_LARGE", `${operation.name}: a huge body`, id);
    }
  }
  for (const surface of SURFACES) assert.ok((await ask(surface, vault.admin, row("GetStatus"), {} as never)).ok);
});

const BAD_KEY_IDS = [
  "..",
  ".",
  "a/b",
  "a\\b",
  "../../etc/passwd",
  "a b",
  "a%2Fb",
  "%2e%2e",
  "ключ",
  "é",
  "\u{1f511}",
  "a\u0000b",
  "a\nb",
  "x".repeat(129),
  "signer?x",
  "signer#x",
  "signer;x",
  "*",
  "signer@v1",
];

test("key ids that are none are refused wherever a key is named, on every surface", async () => {
  for (const operation of [...ABOUT_A_KEY, row("GenerateKey"), row("ImportKey")]) {
    for (const keyId of BAD_KEY_IDS) {
      for (const surface of SURFACES) {
        const { door, id } = numbered(vault.admin);
        const answer = await ask(surface, door, operation, { ...valid(operation), keyId } as never);
        // On REST an id with a slash or of dots may already be no path.
        const codes: ErrorCode[] =
          surface === "REST" && ABOUT_A_KEY.includes(operation) ? ["INVALID_REQUEST", "OPERATION_NOT_SUPPORTED"] : ["INVALID_REQUEST"];
        assertRefusal(answer, surface, codes, `${operation.name} ${JSON.stringify(keyId).slice(0, 40)}`, id);
      }
    }
  }
});

test("REST paths written in clever ways reach no key, and wrong methods are refused", async () => {
  for (const path of [
    "/api/v1/keys/%2e%2e/sign",
    "/api/v1/keys/..%2fsigner/sign",
    "/api/v1/keys/signer%2Fsign",
    "/api/v1/keys/signer%00/sign",
    "/api/v1/keys/%ff/sign",
    "/api/v1/keys/signer%",
    "/api/v1/keys//sign",
    "/api/v1//keys",
    "/api/v1/keys/signer/sign/",
    "/API/V1/keys/signer/sign",
    "/api/v1/keys/../keys/signer/sign",
    "/api/v1/namespaces/%2e%2e/keys/signer/sign",
    "/api/v1/namespaces/tenant-a%2f..%2ftenant-b/keys/signer/sign",
    "/api/v2/keys",
    "/",
    "/metrics",
    "/generate_key",
    "//api/v1/keys",
  ]) {
    const { door } = numbered(vault.admin);
    const answer = await overRest(door, "POST", path, "{}");
    assert.ok([400, 404, 405].includes(answer.status), `${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
  }
  for (const [method, path] of [
    ["PUT", "/api/v1/keys/signer"],
    ["PATCH", "/api/v1/keys"],
    ["DELETE", "/api/v1/keys"],
    ["GET", "/api/v1/keys/signer/sign"],
    ["TRACE", "/api/v1/keys"],
    ["OPTIONS", "/api/v1/keys"],
  ] as const) {
    const answer = await overRest(vault.admin, method, path);
    assert.ok([400, 404, 405, 501].includes(answer.status), `${method} ${path}: ${answer.status}`);
  }
});

test("a content type that is not JSON, a compressed body and a body where none belongs are refused", async () => {
  const post = (headers: Record<string, string>): Promise<{ status: number }> =>
    http(vault.admin, "POST", "/api/v1/random", headers, '{"size_bytes":1}');
  assert.equal((await post({ "content-type": "text/plain" })).status, 415);
  assert.equal((await post({ "content-type": "application/x-www-form-urlencoded" })).status, 415);
  assert.equal((await post({})).status, 415);
  assert.equal((await post({ "content-type": "application/json", "content-encoding": "gzip" })).status, 415);
  assert.equal((await post({ "content-type": "application/json; charset=utf-16" })).status, 415);
  assert.equal((await overRest(vault.admin, "GET", "/api/v1/keys", "{}")).status, 400);
});

test("a sealed vault refuses everything but its own opening, on every surface, and opens only for who may and with the secret", async () => {
  const operator = { ...vault.bearer, token: await mint(vault.tokenKey, { roles: ["Operator"] }) };
  assert.equal((await given("Seal", {}))["phase"], "sealed");
  for (const operation of OPERATIONS) {
    if (operation.phases.includes("sealed")) continue;
    for (const surface of SURFACES) {
      const { door, id } = numbered(vault.admin);
      assertRefusal(await ask(surface, door, operation, valid(operation) as never), surface, "VAULT_SEALED", operation.name, id);
      if (operation.anonymous === true) continue;
      const stranger = numbered(vault.bearer);
      assertRefusal(
        await ask(surface, stranger.door, operation, valid(operation) as never),
        surface,
        "UNAUTHENTICATED",
        `${operation.name} of a stranger`,
        stranger.id,
      );
    }
  }
  const secret = Buffer.from(readFileSync(join(vault.server.data, "unseal/master.key"), "utf8").trim());
  for (const surface of SURFACES) {
    const { door, id } = numbered(operator);
    assertRefusal(await ask(surface, door, row("Unseal"), { secret } as never), surface, "PERMISSION_DENIED", "Unseal by an operator", id);
    const wrong = numbered(vault.admin);
    assertRefusal(
      await ask(surface, wrong.door, row("Unseal"), { secret: Buffer.alloc(32, 1) } as never),
      surface,
      "UNAUTHENTICATED",
      "Unseal with another secret",
      wrong.id,
    );
    assert.equal((await ask(surface, vault.admin, row("GetStatus"), {} as never)).reply["phase"], "sealed");
  }
  assert.equal((await given("Unseal", { secret }))["phase"], "open");
  for (const surface of SURFACES) {
    assert.ok((await ask(surface, vault.admin, row("Sign"), valid(row("Sign")) as never)).ok, surface);
    const { door, id } = numbered(vault.admin);
    assertRefusal(await ask(surface, door, row("Unseal"), { secret } as never), surface, "INVALID_REQUEST", "Unseal of an open vault", id);
  }
});

vault.closeAccount(400);
