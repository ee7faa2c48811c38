/** The client over a real HTTP/2 connection to a small server of the same contract, on a loopback port. */
import assert from "node:assert/strict";
import { createServer, type Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  Algorithm,
  ErrorDetailSchema,
  HsmService,
  KeyState,
  SignatureFormat,
  Usage,
  type SignRequest,
} from "@keystead/contract/generated/hsm/hsm_pb";
import { HsmError } from "@keystead/contract/errors";
import { createKeystead, type Keystead, type KeysteadOptions } from "./client.ts";
import { requestIdOf } from "./remote-error.ts";

let server: Http2Server;
let endpoint: string;
const seen: { name: string; headers: Headers; request: unknown }[] = [];
/** How many further calls fail with PROVIDER_UNAVAILABLE. */
let failures = 0;

/** What they say of themselves. */
let nothingDone = false;

const refusal = (code: string, number: number, retryAfterSeconds = 0): ConnectError =>
  new ConnectError("refused", Code.Unavailable, undefined, [
    { desc: ErrorDetailSchema, value: { code, number, detail: `about ${code}`, requestId: "r-1", retryAfterSeconds, nothingDone } },
  ]);

function note(name: string, request: unknown, context: HandlerContext): void {
  seen.push({ name, headers: context.requestHeader, request });
  if (failures > 0) {
    failures -= 1;
    throw refusal("PROVIDER_UNAVAILABLE", 100);
  }
}

before(async () => {
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(HsmService, {
        sign(request, context) {
          note("sign", request, context);
          if (request.keyId === "missing") throw refusal("OBJECT_NOT_FOUND", 101, 7);
          if (request.keyId === "newer") throw refusal("SOMETHING_NEW", 109);
          return { signature: new Uint8Array([1, 2]), keyId: request.keyId, version: 3, algorithm: Algorithm.EcdsaP256 };
        },
        verify(request, context) {
          note("verify", request, context);
          return { valid: false, version: 1 };
        },
        getKey(request, context) {
          note("getKey", request, context);
          return {
            key: {
              namespace: "default",
              keyId: request.keyId,
              algorithm: Algorithm.Aes256Gcm,
              state: KeyState.ACTIVE,
              version: 1,
              usage: [Usage.WRAP_DATA_KEY],
              tags: ["a"],
              createdAt: { seconds: 1n, nanos: 0 },
              versions: [{ version: 1, state: KeyState.ACTIVE, local: true }],
            },
          };
        },
        batch(request, context) {
          note("batch", request, context);
          return {
            results: [
              { result: { case: "sign", value: { signature: new Uint8Array([9]) } } },
              { result: { case: "error", value: { code: "KEY_USAGE_FORBIDS", number: 106, detail: "no" } } },
            ],
          };
        },
        getStatus: async (request, context) => {
          note("getStatus", request, context);
          await new Promise((resolve) => setTimeout(resolve, 500));
          return { phase: "open", uptimeSeconds: 5n };
        },
      }),
  });
  server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

async function using<T>(options: Partial<KeysteadOptions>, body: (keystead: Keystead) => Promise<T>): Promise<T> {
  const keystead = createKeystead({ endpoint, ...options });
  seen.length = 0;
  try {
    return await body(keystead);
  } finally {
    keystead.close();
  }
}

test("gives canonical names, Buffers and Dates", async () => {
  await using({}, async (keystead) => {
    const key = await keystead.getKey({ keyId: "k" });
    assert.equal(key.algorithm, "AES-256-GCM");
    assert.equal(key.state, "active");
    assert.deepEqual(key.usage, ["wrap_data_key"]);
    assert.deepEqual(key.createdAt, new Date(1000));
    assert.equal(key.updatedAt, undefined);
    assert.deepEqual(key.versions, [
      {
        version: 1,
        state: "active",
        local: true,
        rotationReason: "",
        complianceRequirement: "",
        promotedFrom: 0,
        derivedFrom: "",
        purgeNeedsApproval: false,
      },
    ]);
    const answer = await keystead.sign({ keyId: "k", data: Buffer.from("x"), format: "raw", digest: "sha384" });
    assert.ok(Buffer.isBuffer(answer.signature));
    assert.equal(answer.algorithm, "ECDSA-P256");
    assert.equal((seen.at(-1) as unknown as { request: SignRequest }).request.format, SignatureFormat.RAW);
  });
});

test("works over gRPC as over Connect", async () => {
  await using({ protocol: "grpc" }, async (keystead) => {
    assert.deepEqual(await keystead.verify({ keyId: "k", data: Buffer.from("x"), signature: Buffer.from("y") }), {
      valid: false,
      version: 1,
    });
    await assert.rejects(keystead.sign({ keyId: "missing", data: Buffer.from("x") }), { code: "OBJECT_NOT_FOUND" });
  });
});

test("sends the caller's trace, when there is one", async () => {
  const traces = ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", undefined];
  await using({ traceparent: () => traces.shift() }, async (keystead) => {
    await keystead.sign({ keyId: "k", data: Buffer.from("x") });
    await keystead.sign({ keyId: "k", data: Buffer.from("x") });
  });
  assert.deepEqual(
    seen.map(({ headers }) => headers.get("traceparent")),
    ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", null],
  );
});

test("fills in namespace, token and request id", async () => {
  await using({ namespace: "payments", tokenProvider: async () => "t.o.k", requestId: "mine" }, async (keystead) => {
    await keystead.sign({ keyId: "k", data: Buffer.from("x") });
    await keystead.sign({ keyId: "k", namespace: "other", data: Buffer.from("x") });
  });
  assert.deepEqual(
    seen.map(({ request }) => (request as SignRequest).namespace),
    ["payments", "other"],
  );
  assert.equal(seen[0]?.headers.get("authorization"), "Bearer t.o.k");
  assert.equal(seen[0]?.headers.get("x-request-id"), "mine");
});

test("maps ErrorDetail back to HsmError with code, number, delay and request id", async () => {
  await using({}, async (keystead) => {
    await assert.rejects(keystead.sign({ keyId: "missing", data: Buffer.from("x") }), (error) => {
      assert.ok(error instanceof HsmError);
      assert.deepEqual(
        [error.code, error.number, error.detail, error.retryAfterSeconds],
        ["OBJECT_NOT_FOUND", 101, "about OBJECT_NOT_FOUND", 7],
      );
      assert.equal(requestIdOf(error), "r-1");
      return true;
    });
    await assert.rejects(keystead.sign({ keyId: "newer", data: Buffer.from("x") }), { code: "INTERNAL" });
  });
});

test("repeats a check after a passing failure under the same request id, and never a Sign whose outcome is unknown", async () => {
  await using({}, async (keystead) => {
    failures = 2;
    await keystead.verify({ keyId: "k", data: Buffer.from("x"), signature: Buffer.from("y") });
    assert.equal(seen.length, 3);
    assert.equal(new Set(seen.map(({ headers }) => headers.get("x-request-id"))).size, 1);
    seen.length = 0;
    failures = 1;
    await assert.rejects(keystead.sign({ keyId: "k", data: Buffer.from("x") }), { code: "PROVIDER_UNAVAILABLE" });
    assert.equal(seen.length, 1);
    failures = 0;
  });
});

test("repeats a Sign when the server says that nothing was done", async () => {
  await using({}, async (keystead) => {
    [failures, nothingDone] = [2, true];
    await keystead.sign({ keyId: "k", data: Buffer.from("x") });
    assert.equal(seen.length, 3);
    [failures, nothingDone] = [0, false];
  });
});

test("a batch gives a result or an HsmError per item", async () => {
  await using({}, async (keystead) => {
    const results = await keystead.batch({
      items: [{ sign: { keyId: "k", data: Buffer.from("x") } }, { encrypt: { keyId: "k", plaintext: Buffer.from("x") } }],
    });
    assert.deepEqual(results[0]?.sign?.signature, Buffer.from([9]));
    assert.equal(results[1]?.error?.code, "KEY_USAGE_FORBIDS");
  });
});

test("ends a call at its deadline", async () => {
  await using({ timeoutMs: 50 }, (keystead) => assert.rejects(keystead.getStatus(), { code: "DEADLINE_EXCEEDED" }));
});

test("says PROVIDER_UNAVAILABLE when nobody listens", async () => {
  await using({ endpoint: "http://127.0.0.1:1", timeoutMs: 5000 }, (keystead) =>
    assert.rejects(keystead.sign({ keyId: "k", data: Buffer.from("x") }), { code: "PROVIDER_UNAVAILABLE", nothingDone: true }),
  );
});

test("refuses a spelling nobody knows and a field the request does not have, before sending", async () => {
  await using({}, async (keystead) => {
    await assert.rejects(keystead.generateKey({ algorithm: "ROT13" }), { code: "INVALID_REQUEST" });
    await assert.rejects(keystead.getKey({ keyId: "k", colour: "red" } as never), { code: "INVALID_REQUEST" });
    assert.equal(seen.length, 0);
  });
});

test("refuses plaintext to anything but loopback and sockets, and half a certificate", () => {
  for (const bad of [
    "unix://run/api.sock",
    "unix:///",
    "unix:///run/api.sock?x",
    "http://192.0.2.1:50051",
    "http://example.com",
    "ftp://localhost",
    "localhost:8443",
    "https://user:pass@localhost",
  ]) {
    assert.throws(() => createKeystead({ endpoint: bad }), { code: "INVALID_REQUEST" }, bad);
  }
  assert.throws(() => createKeystead({ endpoint: "https://localhost", cert: "x" }), { code: "INVALID_REQUEST" });
  assert.throws(() => createKeystead({ endpoint: "unix:///run/api.sock", cert: "x", key: "y" }), { code: "INVALID_REQUEST" });
});
