import assert from "node:assert/strict";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import type { GetKeyRequest, ListKeysRequest, SignRequest } from "@keystead/contract/generated/hsm/hsm_pb";
import type { SetPasswordRequest } from "@keystead/contract/generated/hsm/identity_pb";
import type { Answers } from "../../testing/answering-vault.ts";
import { h2c, http1, http2, type Ask, type Reply } from "../../testing/http.ts";
import { testGateway } from "../../testing/test-gateway.ts";

const JSON_TYPE = { "content-type": "application/json" };
const answers: Answers = {
  Sign: ({ keyId, data }: SignRequest) => ({ signature: data, keyId, version: 3, algorithm: 2 }),
  Verify: () => ({ valid: false, version: 1 }),
  GetKey: ({ namespace, keyId }: GetKeyRequest) => ({ key: { namespace, keyId } }),
  ListKeys: (request: ListKeysRequest) => ({
    keys: [],
    page: request.page,
    perPage: request.perPage,
    nextPageToken: JSON.stringify([request.tags, request.state, request.algorithm, request.namespace]),
  }),
  GenerateKey: ({ namespace }: { namespace: string }) => ({
    keyId: "a b",
    key: {
      namespace: namespace === "" ? "default" : namespace,
      keyId: "a b",
      usage: [1, 2],
      createdAt: { seconds: 1_700_000_000n, nanos: 5_000_000 },
    },
  }),
  CreateNamespace: ({ namespace }: { namespace: string }) => ({ namespace: { namespace } }),
  GetAuditLog: () => ({ events: [{ sequence: 18_446_744_073_709_551_615n, action: "Sign" }] }),
  GetStatus: () => ({ phase: "open" }),
  RotateKey: () => {
    throw new HsmError("RATE_LIMITED", 'slow "down"', { retryAfterSeconds: 2 });
  },
  DeleteKey: () => {
    throw new Error("a secret path /etc/x");
  },
};

const post = (address: string, path: string, body: string | Buffer, headers: Record<string, string> = JSON_TYPE): Promise<Reply> =>
  http1(address, path, { method: "POST", headers, body });

test("a request reaches the vault as a message and its answer comes back as JSON", async (context) => {
  const { address, vault } = await testGateway(context, answers);
  const reply = await post(address("health"), "/api/v1/keys/k%2D1/sign", '{"data":"aGVsbG8=","digest":"sha256","format":"raw"}');
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.json(), { signature: "aGVsbG8=", key_id: "k-1", version: 3, algorithm: "ECDSA-P256" });
  assert.equal(reply.headers["content-type"], "application/json");
  assert.equal(reply.headers["cache-control"], "no-store");
  assert.equal(reply.headers["x-content-type-options"], "nosniff");
  const [seen] = vault.seen;
  assert.equal(seen?.name, "Sign");
  assert.equal((seen?.request as SignRequest).digest, 1);
  assert.equal((seen?.request as SignRequest).format, 2);
  assert.equal(seen?.evidence.listener, 2);
  assert.equal(seen?.evidence.address, "127.0.0.1");
});

test("a field that is empty in the path is refused by name where there is a path without it, and that path leaves it empty", async (context) => {
  const { address, vault } = await testGateway(context, { ...answers, SetPassword: () => ({}) });
  const empty = await post(address("health"), "/api/v1/users//password", '{"password":"aGVsbG8="}');
  assert.deepEqual(
    [empty.status, empty.json()["detail"]],
    [400, "name: is empty in the path; without it the path is POST /api/v1/user/password"],
  );
  const foreign = await post(address("health"), "/api/v1/namespaces//keys/k/sign", "{}");
  assert.match(String(foreign.json()["detail"]), /^namespace: is empty in the path; .*POST \/api\/v1\/keys\/\{key_id\}\/sign$/);
  assert.deepEqual(vault.seen, []);
  assert.equal((await post(address("health"), "/api/v1/user/password", '{"password":"aGVsbG8="}')).status, 200);
  assert.deepEqual(
    vault.seen.map(({ name, request }) => [name, (request as SetPasswordRequest).name]),
    [["SetPassword", ""]],
  );
});

test("the same over HTTP/2", async (context) => {
  const { address } = await testGateway(context, answers);
  const session = h2c(address("developmentGrpc"));
  const reply = await http2(session, "/api/v1/keys/k/sign", { method: "POST", headers: JSON_TYPE, body: "{}" });
  const head = await http2(session, "/api/v1/status", { method: "HEAD" });
  session.close();
  assert.deepEqual(reply.json(), { signature: "", key_id: "k", version: 3, algorithm: "ECDSA-P256" });
  assert.deepEqual([head.status, head.text], [200, ""]);
});

test("falsehood and emptiness are printed, absence is not", async (context) => {
  const { address } = await testGateway(context, answers);
  assert.deepEqual((await post(address("health"), "/api/v1/keys/k/verify", "{}")).json(), { valid: false, version: 1 });
  assert.deepEqual((await http1(address("health"), "/api/v1/keys/k")).json(), {
    key: {
      namespace: "",
      key_id: "k",
      version: 0,
      usage: [],
      tags: [],
      description: "",
      versions: [],
      uses: "0",
      bytes_used: "0",
      purge_needs_approval: false,
      purge_reason: "",
      session_key: false,
    },
  });
});

test("what was made answers 201 with its place", async (context) => {
  const { address } = await testGateway(context, answers);
  const key = await post(address("health"), "/api/v1/namespaces/team-a/keys", '{"algorithm":"Ed25519"}');
  assert.deepEqual([key.status, key.headers["location"]], [201, "/api/v1/namespaces/team-a/keys/a%20b"]);
  assert.deepEqual((key.json()["key"] as Record<string, unknown>)["usage"], ["sign", "verify"]);
  assert.equal((key.json()["key"] as Record<string, unknown>)["created_at"], "2023-11-14T22:13:20.005Z");
  const namespace = await post(address("health"), "/api/v1/namespaces", '{"namespace":"team-b"}');
  assert.equal(namespace.status, 201);
  assert.match(namespace.headers["location"] ?? "", /^\/api\/v1\/namespaces\/team-b/);
});

test("64-bit numbers are strings", async (context) => {
  const { address } = await testGateway(context, answers);
  assert.match((await http1(address("health"), "/api/v1/audit")).text, /"sequence":"18446744073709551615"/);
});

test("query parameters fill the message; lists come repeated or with commas", async (context) => {
  const { address } = await testGateway(context, answers);
  const reply = (
    await http1(address("health"), "/api/v1/namespaces/n1/keys?page=2&per_page=10&tags=a,b&tags=c&state=active&algorithm=rsa-2048")
  ).json();
  assert.deepEqual([reply["page"], reply["per_page"]], [2, 10]);
  assert.deepEqual(JSON.parse(reply["next_page_token"] as string), [["a", "b", "c"], 2, 5, "n1"]);
});

const refusals: readonly (readonly [string, string, Ask, number, string, RegExp])[] = [
  ["an unknown query parameter", "/api/v1/keys?pages=1", {}, 400, "INVALID_REQUEST", /pages/],
  ["a query parameter given twice", "/api/v1/keys?page=1&page=2", {}, 400, "INVALID_REQUEST", /page/],
  ["a number that is none", "/api/v1/keys?page=x", {}, 400, "INVALID_REQUEST", /page/],
  ["an empty number", "/api/v1/keys?page=", {}, 400, "INVALID_REQUEST", /page/],
  ["a negative number", "/api/v1/keys?page=-1", {}, 400, "INVALID_REQUEST", /page/],
  ["an unknown enum spelling", "/api/v1/keys?state=alive", {}, 400, "INVALID_REQUEST", /state.*active/],
  ["a query that contradicts the path", "/api/v1/namespaces/a/keys?namespace=b", {}, 400, "INVALID_REQUEST", /namespace/],
  ["a broken percent sign in the path", "/api/v1/keys/%zz", {}, 400, "INVALID_REQUEST", /path/],
  ["an unknown path", "/api/v2/keys", {}, 404, "OPERATION_NOT_SUPPORTED", /path/],
  [
    "an empty path segment",
    "/api/v1/keys//sign",
    { method: "POST", headers: JSON_TYPE, body: "{}" },
    404,
    "OPERATION_NOT_SUPPORTED",
    /path/,
  ],
  ["a trailing slash", "/api/v1/keys/", {}, 404, "OPERATION_NOT_SUPPORTED", /path/],
  [
    "a body of another type",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" },
    415,
    "INVALID_REQUEST",
    /application\/json/,
  ],
  ["a body of no type", "/api/v1/keys/k/sign", { method: "POST", body: "{}" }, 415, "INVALID_REQUEST", /application\/json/],
  [
    "a compressed body",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: { ...JSON_TYPE, "content-encoding": "gzip" }, body: "{}" },
    415,
    "INVALID_REQUEST",
    /identity/,
  ],
  [
    "an unknown field",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: JSON_TYPE, body: '{"dat":"aGk="}' },
    400,
    "INVALID_REQUEST",
    /dat/,
  ],
  [
    "a field given in two spellings",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: JSON_TYPE, body: '{"key_id":"k","keyId":"k"}' },
    400,
    "INVALID_REQUEST",
    /key_?id/i,
  ],
  [
    "a duplicate name",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: JSON_TYPE, body: '{"data":"aGk=","data":"aGk="}' },
    400,
    "INVALID_REQUEST",
    /twice/,
  ],
  [
    "a body that contradicts the path",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: JSON_TYPE, body: '{"key_id":"other"}' },
    400,
    "INVALID_REQUEST",
    /key_id/,
  ],
  [
    "a big integer",
    "/api/v1/random",
    { method: "POST", headers: JSON_TYPE, body: '{"size_bytes":9007199254740993}' },
    400,
    "INVALID_REQUEST",
    /integer/,
  ],
  [
    "a fraction",
    "/api/v1/random",
    { method: "POST", headers: JSON_TYPE, body: '{"size_bytes":1.5}' },
    400,
    "INVALID_REQUEST",
    /size_bytes/,
  ],
  ["a wrong type", "/api/v1/keys/k/sign", { method: "POST", headers: JSON_TYPE, body: '{"data":5}' }, 400, "INVALID_REQUEST", /data/],
  ["null", "/api/v1/keys/k/sign", { method: "POST", headers: JSON_TYPE, body: '{"data":null}' }, 400, "INVALID_REQUEST", /data/],
  ["an array as the body", "/api/v1/keys/k/sign", { method: "POST", headers: JSON_TYPE, body: "[]" }, 400, "INVALID_REQUEST", /object/],
  [
    "broken base64",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: JSON_TYPE, body: '{"data":"a*=="}' },
    400,
    "INVALID_REQUEST",
    /data.*base64/,
  ],
  [
    "base64 with white space",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: JSON_TYPE, body: '{"data":"aG k="}' },
    400,
    "INVALID_REQUEST",
    /data.*base64/,
  ],
  [
    "base64 with spare bits",
    "/api/v1/keys/k/sign",
    { method: "POST", headers: JSON_TYPE, body: '{"data":"aGl="}' },
    400,
    "INVALID_REQUEST",
    /data.*base64/,
  ],
  [
    "two members of a choice",
    "/api/v1/batch",
    { method: "POST", headers: JSON_TYPE, body: '{"items":[{"sign":{},"verify":{}}]}' },
    400,
    "INVALID_REQUEST",
    /items\[0\]/,
  ],
];

test("bad input is refused with its documented error and never reaches the vault", async (context) => {
  const { address, vault } = await testGateway(context, answers);
  for (const [name, path, ask, status, code, detail] of refusals) {
    const reply = await http1(address("health"), path, ask);
    assert.equal(reply.status, status, `${name}: ${reply.text}`);
    assert.equal(reply.headers["content-type"], "application/problem+json", name);
    const problem = reply.json();
    assert.deepEqual(
      [problem["type"], problem["status"], problem["code"], problem["number"]],
      [`urn:keystead:error:${code}`, status, code, 105],
      name,
    );
    assert.match(problem["detail"] as string, detail, name);
    assert.equal(problem["request_id"], reply.headers["x-request-id"], name);
  }
  assert.equal(vault.seen.length, 0);
});

test("a path without this method names those it has", async (context) => {
  const { address } = await testGateway(context, answers);
  const reply = await http1(address("health"), "/api/v1/keys", { method: "DELETE" });
  assert.deepEqual([reply.status, (reply.headers["allow"] ?? "").split(", ").sort()], [405, ["GET", "HEAD", "POST"]]);
});

test("a key may be named like a path of the API", async (context) => {
  const { address } = await testGateway(context, answers);
  const reply = await http1(address("health"), "/api/v1/keys/import");
  assert.equal((reply.json()["key"] as Record<string, unknown>)["key_id"], "import");
});

test("HEAD answers like GET without a body", async (context) => {
  const { address } = await testGateway(context, answers);
  const reply = await http1(address("health"), "/api/v1/status", { method: "HEAD" });
  assert.deepEqual([reply.status, reply.text], [200, ""]);
});

test("base64 is accepted in both alphabets, with and without padding", async (context) => {
  const { address } = await testGateway(context, answers);
  for (const data of ["+/8=", "-_8=", "+/8", "-_8"]) {
    const reply = await post(address("health"), "/api/v1/keys/k/sign", JSON.stringify({ data }));
    assert.equal(reply.json()["signature"], "+/8=", data);
  }
});

test("the vault's refusal carries its code, number and retry time", async (context) => {
  const { address } = await testGateway(context, answers);
  const reply = await post(address("health"), "/api/v1/keys/k/rotate", "");
  assert.equal(reply.status, 429);
  assert.equal(reply.headers["retry-after"], "2");
  assert.deepEqual(
    { ...reply.json(), request_id: "" },
    {
      type: "urn:keystead:error:RATE_LIMITED",
      title: "Too many requests",
      status: 429,
      detail: 'slow "down"',
      code: "RATE_LIMITED",
      number: 108,
      request_id: "",
      retry_after_seconds: 2,
    },
  );
});

test("an unexpected failure says nothing of its cause", async (context) => {
  const { address } = await testGateway(context, answers);
  const reply = await http1(address("health"), "/api/v1/keys/k", { method: "DELETE" });
  assert.equal(reply.status, 500);
  assert.doesNotMatch(reply.text, /secret|etc/);
});

test("a well-formed request id is kept, any other is replaced", async (context) => {
  const { address, vault } = await testGateway(context, answers);
  const kept = await http1(address("health"), "/api/v1/status", { headers: { "x-request-id": "order-17.a_b" } });
  assert.equal(kept.headers["x-request-id"], "order-17.a_b");
  for (const bad of ["a b", "x".repeat(65), "ü", "a;b"]) {
    const reply = await http1(address("health"), "/api/v1/status", { headers: { "x-request-id": Buffer.from(bad).toString("latin1") } });
    // No counter and no time: who sees one learns nothing of anybody else's.
    assert.match(reply.headers["x-request-id"] as string, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  const ids = vault.seen.map(({ evidence }) => evidence.requestId);
  assert.equal(new Set(ids).size, ids.length);
});

test("a bearer token goes to the vault as it is; anything else that was sent is no absence of a credential", async (context) => {
  const { address, vault } = await testGateway(context, answers);
  for (const authorization of ["Bearer abc.def-_", "bearer  xyz", "Basic dTpw", "Bearer a b", `Bearer ${"t".repeat(17_000)}`])
    await http1(address("health"), "/api/v1/status", { headers: { authorization } });
  await http1(address("health"), "/api/v1/status", { headers: { cookie: "token=abc" } });
  const tokens = vault.seen.map(({ evidence }) => evidence.token);
  assert.deepEqual(tokens.slice(0, 2), ["abc.def-_", "xyz"]);
  for (const token of tokens.slice(2, 5)) assert.ok(token !== "" && token.length < 100);
  assert.equal(tokens[5], "");
});

test("a body over the limit is refused, announced or not", async (context) => {
  const { address, vault } = await testGateway(context, answers, { limits: { bodyBytes: 1_000 } });
  const big = JSON.stringify({ data: "A".repeat(4_000) });
  const declared = await post(address("health"), "/api/v1/keys/k/sign", big);
  assert.deepEqual([declared.status, declared.json()["code"]], [413, "REQUEST_TOO_LARGE"]);
  const chunked = await http1(address("health"), "/api/v1/keys/k/sign", {
    method: "POST",
    headers: { ...JSON_TYPE, "transfer-encoding": "chunked" },
    body: big,
  });
  assert.equal(chunked.status, 413);
  const session = h2c(address("developmentGrpc"));
  const streamed = await http2(session, "/api/v1/keys/k/sign", { method: "POST", headers: JSON_TYPE, body: big });
  assert.equal(streamed.status, 413);
  const after = await http2(session, "/api/v1/status");
  session.close();
  assert.equal(after.status, 200);
  assert.equal(vault.seen.length, 1);
});
