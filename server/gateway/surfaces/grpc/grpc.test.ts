import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { AnySchema, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { piecesOf } from "@keystead/channel/payload";
import { HsmError } from "@keystead/contract/errors";
import { HealthCheckRequestSchema, HealthCheckResponseSchema } from "@keystead/contract/generated/grpc/health/v1/health_pb";
import * as v1 from "@keystead/contract/generated/grpc/reflection/v1/reflection_pb";
import {
  ServerReflectionRequestSchema as AlphaRequest,
  ServerReflectionResponseSchema as AlphaResponse,
} from "@keystead/contract/generated/grpc/reflection/v1alpha/reflection_pb";
import {
  EncryptRequestSchema,
  EncryptResponseSchema,
  ErrorDetailSchema,
  SignRequestSchema,
  SignResponseSchema,
  type EncryptRequest,
  type SignRequest,
} from "@keystead/contract/generated/hsm/hsm_pb";
import type { Answers } from "../../testing/answering-vault.ts";
import { h2c, http2, type StreamReply } from "../../testing/http.ts";
import { testGateway, type TestGateway } from "../../testing/test-gateway.ts";

const answers: Answers = {
  Sign: ({ keyId, data }: SignRequest) => {
    if (keyId === "missing") throw new HsmError("OBJECT_NOT_FOUND", "no key 'missing' — 100 %", {});
    if (keyId === "busy") throw new HsmError("RATE_LIMITED", "slow down", { retryAfterSeconds: 3 });
    return { signature: data, keyId, version: 1 };
  },
  GenerateKey: () => ({ keyId: "k1", key: { keyId: "k1", algorithm: 1 } }),
  Verify: () => ({ valid: true }),
};

const frame = (message: Uint8Array, flags = 0): Buffer => {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};
const signRequest = (keyId = "k"): Uint8Array =>
  toBinary(SignRequestSchema, create(SignRequestSchema, { keyId, data: Buffer.from("hello") }));

/** One raw gRPC call. */
async function call(
  address: string,
  body: Buffer | undefined,
  headers: Record<string, string> = {},
  path = "/hsm.HsmService/Sign",
): Promise<StreamReply> {
  const session = h2c(address);
  try {
    return await http2(session, path, {
      method: "POST",
      headers: { "content-type": "application/grpc", te: "trailers", ...headers },
      body,
    });
  } finally {
    session.close();
  }
}

/** Status of a reply, from trailers or from headers when there was no body. */
const statusOf = (reply: StreamReply): Record<string, unknown> =>
  (reply.trailers["grpc-status"] === undefined ? reply.headers : reply.trailers) as Record<string, unknown>;

function client(context: TestContext, { address }: TestGateway): grpc.Client {
  const made = new grpc.Client(address("developmentGrpc"), grpc.credentials.createInsecure());
  context.after(() => made.close());
  return made;
}

const identity = (bytes: Buffer): Buffer => bytes;
const unary = (
  from: grpc.Client,
  path: string,
  message: Uint8Array,
  options: grpc.CallOptions = {},
): Promise<{ reply: Buffer; metadata: grpc.Metadata }> =>
  new Promise((resolve, reject) => {
    let metadata = new grpc.Metadata();
    const sent = from.makeUnaryRequest(path, identity, identity, Buffer.from(message), new grpc.Metadata(), options, (error, reply) =>
      error === null ? resolve({ reply: reply as Buffer, metadata }) : reject(error),
    );
    sent.on("metadata", (received) => {
      metadata = received;
    });
  });

test("grpc-js gets an answer and the request id", async (context) => {
  const gateway = await testGateway(context, answers);
  const { reply, metadata } = await unary(client(context, gateway), "/hsm.HsmService/Sign", signRequest());
  const response = fromBinary(SignResponseSchema, reply);
  assert.deepEqual([Buffer.from(response.signature).toString(), response.keyId], ["hello", "k"]);
  assert.equal(metadata.get("x-request-id")[0], gateway.vault.seen[0]?.evidence.requestId);
});

test("a message of two mebibytes goes whole both ways, as many at once as one connection carries", async (context) => {
  const gateway = await testGateway(
    context,
    { Encrypt: ({ plaintext, keyId }: EncryptRequest) => ({ ciphertext: plaintext, keyId }) },
    { limits: { bodyBytes: 4 * 1024 * 1024 } },
  );
  const from = client(context, gateway);
  await Promise.all(
    Array.from({ length: 6 }, async (_, index) => {
      const plaintext = Buffer.alloc(2 * 1024 * 1024, index + 1);
      const message = toBinary(EncryptRequestSchema, create(EncryptRequestSchema, { keyId: `k${index}`, plaintext }));
      const { reply } = await unary(from, "/hsm.HsmService/Encrypt", message);
      const response = fromBinary(EncryptResponseSchema, reply);
      assert.equal(response.keyId, `k${index}`);
      assert.ok(plaintext.equals(response.ciphertext));
    }),
  );
});

test("what a request and its reply carried is zeros when they have been answered, large and small", async (context) => {
  const gateway = await testGateway(
    context,
    { Encrypt: ({ plaintext }: EncryptRequest) => ({ ciphertext: plaintext }) },
    { limits: { bodyBytes: 4 * 1024 * 1024 } },
  );
  const carried: Buffer[] = [];
  const request = gateway.link.request.bind(gateway.link);
  gateway.link.request = async (operation, payload, ...more) => {
    carried.push(...piecesOf(payload));
    const reply = await request(operation, payload, ...more);
    carried.push(reply);
    return reply;
  };
  const from = client(context, gateway);
  for (const size of [100, 1024 * 1024]) {
    const plaintext = Buffer.alloc(size, 0x5a);
    const message = toBinary(EncryptRequestSchema, create(EncryptRequestSchema, { keyId: "k", plaintext }));
    assert.ok(
      plaintext.equals(fromBinary(EncryptResponseSchema, (await unary(from, "/hsm.HsmService/Encrypt", message)).reply).ciphertext),
    );
  }
  assert.ok(carried.length > 10 && carried.reduce((sum, { length }) => sum + length, 0) > 2 * 1024 * 1024);
  while (carried.some((bytes) => bytes.includes(0x5a))) await new Promise<void>((resolve) => setImmediate(resolve));
});

test("grpc-js gets an error with status, message, details, code and number", async (context) => {
  const gateway = await testGateway(context, answers);
  const error = await unary(client(context, gateway), "/hsm.HsmService/Sign", signRequest("missing")).then(
    () => assert.fail(),
    (thrown: grpc.ServiceError) => thrown,
  );
  assert.equal(error.code, grpc.status.NOT_FOUND);
  assert.equal(error.details, "no key 'missing' — 100 %");
  assert.deepEqual([error.metadata.get("hsm-error-code"), error.metadata.get("hsm-error-number")], [["OBJECT_NOT_FOUND"], ["101"]]);
  const bytes = error.metadata.get("grpc-status-details-bin")[0] as Buffer;
  // google.rpc.Status: code (1), message (2), details (3). The Any is read with the runtime's own descriptor.
  assert.deepEqual([bytes[0], bytes[1]], [0x08, 5]);
  const at = bytes.indexOf(Buffer.from("type.googleapis.com/"));
  const any = fromBinary(AnySchema, bytes.subarray(at - 2));
  assert.equal(any.typeUrl, "type.googleapis.com/hsm.ErrorDetail");
  const detail = fromBinary(ErrorDetailSchema, any.value);
  assert.deepEqual([detail.code, detail.number, detail.requestId], ["OBJECT_NOT_FOUND", 101, gateway.vault.seen[0]?.evidence.requestId]);
});

test("grpc-js sees a deadline as DEADLINE_EXCEEDED and the vault is told", async (context) => {
  let cancelled: (() => boolean) | undefined;
  const gateway = await testGateway(context, {
    Sign: async (_request: unknown, _evidence: unknown, at: { cancelled: boolean }) => {
      cancelled = () => at.cancelled;
      await new Promise<void>((resolve) => {
        const look = (): void => (at.cancelled ? resolve() : void setImmediate(look));
        look();
      });
      return {};
    },
  } as Answers);
  await assert.rejects(
    unary(client(context, gateway), "/hsm.HsmService/Sign", signRequest(), { deadline: Date.now() + 100 }),
    (error: grpc.ServiceError) => error.code === grpc.status.DEADLINE_EXCEEDED,
  );
  while (cancelled?.() !== true) await new Promise<void>((resolve) => setImmediate(resolve));
});

test("64 calls at once over one connection are all answered with their own answer", async (context) => {
  const gateway = await testGateway(context, answers);
  const from = client(context, gateway);
  const replies = await Promise.all(
    Array.from({ length: 64 }, (_, index) => unary(from, "/hsm.HsmService/Sign", signRequest(`k${index}`))),
  );
  assert.deepEqual(
    replies.map(({ reply }) => fromBinary(SignResponseSchema, reply).keyId),
    Array.from({ length: 64 }, (_, index) => `k${index}`),
  );
});

const malformed: readonly (readonly [string, Buffer | undefined, Record<string, string>, number])[] = [
  ["no body", undefined, {}, 3],
  ["a prefix cut short", Buffer.from([0, 0, 0]), {}, 3],
  ["a length beyond the body", Buffer.concat([frame(signRequest()).subarray(0, 5), Buffer.from("ab")]), {}, 3],
  ["a length of four gigabytes", Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]), {}, 3],
  ["a length short of the body", Buffer.concat([frame(signRequest()), Buffer.from("x")]), {}, 3],
  ["two messages", Buffer.concat([frame(signRequest()), frame(signRequest())]), {}, 3],
  ["a compressed message", frame(signRequest(), 1), { "grpc-encoding": "gzip" }, 12],
  ["an unknown flag", frame(signRequest(), 0x40), {}, 3],
  ["a message that is no protobuf", frame(Buffer.from([0xff, 0xff, 0xff])), {}, 3],
  ["JSON instead of protobuf", frame(Buffer.from("{}")), { "content-type": "application/grpc+json" }, 12],
  ["a malformed deadline", frame(signRequest()), { "grpc-timeout": "soon" }, 3],
  ["a deadline of nothing", frame(signRequest()), { "grpc-timeout": "0n" }, 4],
  ["a body over the limit", frame(Buffer.alloc(100_000)), {}, 8],
];

test("malformed calls get a status and the connection lives on", async (context) => {
  const { address } = await testGateway(context, answers);
  const session = h2c(address("developmentGrpc"));
  for (const [name, body, headers, status] of malformed) {
    const reply = await http2(session, "/hsm.HsmService/Sign", {
      method: "POST",
      headers: { "content-type": "application/grpc", te: "trailers", ...headers },
      body,
    });
    assert.equal(reply.status, 200, name);
    assert.equal(statusOf(reply)["grpc-status"], String(status), `${name}: ${String(statusOf(reply)["grpc-message"])}`);
    if (status === 12) assert.equal(reply.headers["grpc-accept-encoding"], "identity");
  }
  const good = await http2(session, "/hsm.HsmService/Sign", {
    method: "POST",
    headers: { "content-type": "application/grpc", te: "trailers" },
    body: frame(signRequest()),
  });
  assert.equal(good.trailers["grpc-status"], "0");
  session.close();
});

test("an unknown method and an unknown service are UNIMPLEMENTED", async (context) => {
  const { address } = await testGateway(context, answers);
  for (const path of ["/hsm.HsmService/Fly", "/other.Service/Sign", "/hsm.HsmService/"]) {
    const reply = await call(address("developmentGrpc"), frame(signRequest()), {}, path);
    assert.equal(statusOf(reply)["grpc-status"], "12", path);
  }
});

test("a message in many small chunks is one message", async (context) => {
  const { address } = await testGateway(context, answers);
  const session = h2c(address("developmentGrpc"));
  const stream = session.request({
    ":method": "POST",
    ":path": "/hsm.HsmService/Sign",
    "content-type": "application/grpc+proto",
    te: "trailers",
  });
  for (const byte of frame(signRequest())) {
    stream.write(Uint8Array.of(byte));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const trailers = new Promise<Record<string, unknown>>((resolve) =>
    stream.once("trailers", (received) => resolve(received as Record<string, unknown>)),
  );
  stream.end();
  stream.resume();
  assert.equal((await trailers)["grpc-status"], "0");
  session.close();
});

async function reflect(
  address: string,
  version: "v1" | "v1alpha",
  requests: readonly (typeof v1.ServerReflectionRequestSchema extends never
    ? never
    : Parameters<typeof create<typeof v1.ServerReflectionRequestSchema>>[1])[],
): Promise<v1.ServerReflectionResponse["messageResponse"][]> {
  const body = Buffer.concat(
    requests.map((request) =>
      frame(
        version === "v1"
          ? toBinary(v1.ServerReflectionRequestSchema, create(v1.ServerReflectionRequestSchema, request))
          : toBinary(AlphaRequest, create(AlphaRequest, request as never)),
      ),
    ),
  );
  const reply = await call(address, body, {}, `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
  assert.equal(reply.trailers["grpc-status"], "0");
  const found = [];
  for (let at = 0; at < reply.body.length;) {
    const length = reply.body.readUInt32BE(at + 1);
    const message = reply.body.subarray(at + 5, at + 5 + length);
    found.push(
      version === "v1"
        ? fromBinary(v1.ServerReflectionResponseSchema, message).messageResponse
        : (fromBinary(AlphaResponse, message).messageResponse as v1.ServerReflectionResponse["messageResponse"]),
    );
    at += 5 + length;
  }
  return found;
}

for (const version of ["v1", "v1alpha"] as const) {
  test(`reflection ${version} lists services, finds files and symbols, and refuses what is not there`, async (context) => {
    const { address } = await testGateway(context, answers);
    const [services, symbol, method, byName, extension, numbers, missing] = await reflect(address("developmentGrpc"), version, [
      { messageRequest: { case: "listServices", value: "" } },
      { messageRequest: { case: "fileContainingSymbol", value: "hsm.HsmService" } },
      { messageRequest: { case: "fileContainingSymbol", value: "hsm.HsmService.Sign" } },
      { messageRequest: { case: "fileByFilename", value: "google/api/http.proto" } },
      {
        messageRequest: {
          case: "fileContainingExtension",
          value: { containingType: "google.protobuf.MethodOptions", extensionNumber: 72295728 },
        },
      },
      { messageRequest: { case: "allExtensionNumbersOfType", value: "google.protobuf.MethodOptions" } },
      { messageRequest: { case: "fileContainingSymbol", value: "hsm.Nothing" } },
    ]);
    assert.ok(services?.case === "listServicesResponse" && services.value.service.some(({ name }) => name === "hsm.HsmService"));
    const names = (response: typeof symbol): string[] =>
      response?.case === "fileDescriptorResponse"
        ? response.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name)
        : [];
    assert.equal(names(symbol)[0], "hsm/hsm.proto");
    assert.deepEqual(names(method), names(symbol));
    assert.ok(names(symbol).includes("google/protobuf/timestamp.proto"));
    assert.equal(names(byName)[0], "google/api/http.proto");
    assert.equal(names(extension)[0], "google/api/annotations.proto");
    assert.ok(numbers?.case === "allExtensionNumbersResponse" && numbers.value.extensionNumber.includes(72295728));
    assert.ok(missing?.case === "errorResponse" && missing.value.errorCode === 5);
  });
}

test("health tells Check, List and Watch, and Watch tells changes and ends when the server does", async (context) => {
  const started = await testGateway(context, answers);
  const address = started.address("developmentGrpc");
  const check = async (service: string): Promise<StreamReply> =>
    call(
      address,
      frame(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service }))),
      {},
      "/grpc.health.v1.Health/Check",
    );
  const statusIn = (bytes: Buffer): number => fromBinary(HealthCheckResponseSchema, bytes.subarray(5)).status;
  assert.equal(statusIn((await check("")).body), 1);
  assert.equal(statusIn((await check("hsm.HsmService")).body), 1);
  assert.equal(statusOf(await check("other"))["grpc-status"], "5");
  assert.equal((await call(address, frame(new Uint8Array(0)), {}, "/grpc.health.v1.Health/List")).trailers["grpc-status"], "0");
  const session = h2c(address);
  const stream = session.request({ ":method": "POST", ":path": "/grpc.health.v1.Health/Watch", "content-type": "application/grpc" });
  const told: number[] = [];
  const trailers = new Promise<Record<string, unknown>>((resolve) =>
    stream.once("trailers", (received) => resolve(received as Record<string, unknown>)),
  );
  const waiting: (() => void)[] = [];
  stream.on("data", (chunk: Buffer) => {
    told.push(statusIn(chunk));
    waiting.splice(0).forEach((wake) => wake());
  });
  const next = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => (told.length >= count ? resolve() : void waiting.push(look));
      look();
    });
  stream.end(frame(new Uint8Array(0)));
  await next(1);
  started.vault.health = { phase: "sealed", ready: false };
  await next(2);
  const drained = started.gateway.drain();
  assert.equal((await trailers)["grpc-status"], "14");
  await drained;
  assert.deepEqual(told, [1, 2]);
});

/** tools/test-needs.ts installs it. */
const GRPCURL = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((folder) => join(folder, "grpcurl"))
  .find((path) => existsSync(path));
const withoutIt = process.env["CI"] !== "true" && GRPCURL === undefined && "there is no grpcurl";

test("the three grpcurl commands of the oldest guide work through reflection", { skip: withoutIt }, async (context) => {
  assert.ok(GRPCURL !== undefined);
  const grpcurl = GRPCURL;
  const { address, vault } = await testGateway(context, answers);
  const run = async (method: string, data: string): Promise<Record<string, unknown>> =>
    JSON.parse(
      (await promisify(execFile)(grpcurl, ["-plaintext", "-d", data, address("developmentGrpc"), `hsm.HsmService/${method}`])).stdout,
    ) as Record<string, unknown>;
  assert.equal((await run("GenerateKey", '{"namespace":"default","key_id":"k1","algorithm":"Ed25519"}'))["keyId"], "k1");
  assert.equal((await run("Sign", '{"namespace":"default","key_id":"k1","data":"aGVsbG8="}'))["signature"], "aGVsbG8=");
  assert.equal((await run("Verify", '{"namespace":"default","key_id":"k1","data":"aGVsbG8=","signature":"aGVsbG8="}'))["valid"], true);
  assert.deepEqual(
    vault.seen.map(({ name }) => name),
    ["GenerateKey", "Sign", "Verify"],
  );
});
