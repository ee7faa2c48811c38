import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { ErrorDetailSchema, SignRequestSchema, SignResponseSchema, type SignRequest } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Answers } from "../../testing/answering-vault.ts";
import { h2c, http1, http2, type Reply } from "../../testing/http.ts";
import { testGateway } from "../../testing/test-gateway.ts";

const answers: Answers = {
  Sign: ({ keyId, data }: SignRequest) => {
    if (keyId === "missing") throw new HsmError("OBJECT_NOT_FOUND", "no such key");
    return { signature: data, keyId, version: 1, algorithm: 2 };
  },
  Verify: () => ({ valid: false }),
};
const SIGN = "/hsm.HsmService/Sign";
const post = (address: string, path: string, type: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Reply> =>
  http1(address, path, { method: "POST", headers: { "content-type": type, ...headers }, body });

/** Messages of a stream with their flags. */
function frames(bytes: Buffer): readonly { readonly flags: number; readonly message: Buffer }[] {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes.readUInt32BE(at + 1);
    found.push({ flags: bytes[at] as number, message: bytes.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return found;
}
const frame = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

test("a unary call in protobuf and in JSON, over HTTP/1.1 and HTTP/2", async (context) => {
  const { address } = await testGateway(context, answers);
  const message = Buffer.from(toBinary(SignRequestSchema, create(SignRequestSchema, { keyId: "k", data: Buffer.from("hi") })));
  const proto = await post(address("developmentGrpc"), SIGN, "application/proto", message, { "connect-protocol-version": "1" });
  assert.equal(fromBinary(SignResponseSchema, proto.body).keyId, "k");
  assert.equal(proto.headers["content-type"], "application/proto");
  const session = h2c(address("developmentGrpc"));
  const json = await http2(session, SIGN, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"keyId":"k","data":"aGk=","digest":"Sha256"}',
  });
  session.close();
  assert.deepEqual(json.json(), { signature: "aGk=", keyId: "k", version: 1, algorithm: "EcdsaP256" });
});

test("errors are JSON with code, detail and the right HTTP status", async (context) => {
  const { address } = await testGateway(context, answers);
  const reply = await post(address("developmentGrpc"), SIGN, "application/json", '{"keyId":"missing"}');
  assert.equal(reply.status, 404);
  const error = reply.json() as { code: string; message: string; details: { type: string; value: string }[] };
  assert.deepEqual([error.code, error.message, error.details[0]?.type], ["not_found", "no such key", "hsm.ErrorDetail"]);
  const detail = fromBinary(ErrorDetailSchema, Buffer.from(error.details[0]?.value ?? "", "base64"));
  assert.deepEqual([detail.code, detail.number, detail.requestId], ["OBJECT_NOT_FOUND", 101, reply.headers["x-request-id"]]);
});

test("that nothing was done is said in the details, and only when it is so", async (context) => {
  const { address, vault, link } = await testGateway(context, answers);
  const told = async (): Promise<boolean | undefined> => {
    const reply = await post(address("developmentGrpc"), SIGN, "application/json", '{"keyId":"missing"}');
    const { details } = reply.json() as { details: { value: string }[] };
    return fromBinary(ErrorDetailSchema, Buffer.from(details[0]?.value ?? "", "base64")).nothingDone;
  };
  assert.equal(await told(), false);
  vault.peer?.destroy();
  while (link.connected) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await told(), true);
});

test("bad calls are refused by name", async (context) => {
  const { address, vault } = await testGateway(context, answers);
  const cases: readonly (readonly [string, string, string, Record<string, string>, number, string, RegExp])[] = [
    ["/hsm.HsmService/Fly", "application/json", "{}", {}, 501, "unimplemented", /method/],
    [SIGN, "application/json", '{"dat":1}', {}, 400, "invalid_argument", /dat/],
    [SIGN, "application/json", '{"data":"secret!"}', {}, 400, "invalid_argument", /data/],
    [SIGN, "application/json", '{"data":"aGk=","data":"aGk="}', {}, 400, "invalid_argument", /twice/],
    [SIGN, "application/json", "{", {}, 400, "invalid_argument", /syntax/],
    [SIGN, "application/json", "{}", { "content-encoding": "gzip" }, 501, "unimplemented", /identity/],
    [SIGN, "application/json", "{}", { "connect-timeout-ms": "soon" }, 400, "invalid_argument", /timeout/],
    [SIGN, "application/json", "{}", { "connect-timeout-ms": "0" }, 504, "deadline_exceeded", /deadline/],
    [SIGN, "application/json", "{}", { "connect-protocol-version": "2" }, 400, "invalid_argument", /version/],
    [SIGN, "application/json", `{"data":"${"A".repeat(80_000)}"}`, {}, 429, "resource_exhausted", /bytes/],
  ];
  for (const [path, type, body, headers, status, code, message] of cases) {
    const reply = await post(address("developmentGrpc"), path, type, body, headers);
    assert.deepEqual([reply.status, reply.json()["code"]], [status, code], reply.text);
    assert.match(reply.json()["message"] as string, message);
    assert.doesNotMatch(reply.text, /secret/);
  }
  assert.equal(vault.seen.length, 0);
});

test("a type that is none of ours is 415", async (context) => {
  const { address } = await testGateway(context, answers);
  assert.equal((await post(address("developmentGrpc"), SIGN, "text/xml", "<a/>")).status, 415);
});

test("health answers as a unary Connect call", async (context) => {
  const { address } = await testGateway(context, answers);
  assert.deepEqual((await post(address("developmentGrpc"), "/grpc.health.v1.Health/Check", "application/json", "{}")).json(), {
    status: "SERVING",
  });
});

test("a stream is enveloped both ways and ends with its end message, in protobuf and JSON", async (context) => {
  const { address } = await testGateway(context, answers);
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
  const json = await post(
    address("developmentGrpc"),
    path,
    "application/connect+json",
    Buffer.concat([frame(Buffer.from('{"listServices":""}')), frame(Buffer.from('{"fileByFilename":"nothing"}'))]),
  );
  const [services, missing, end] = frames(json.body);
  assert.match(services?.message.toString() ?? "", /hsm\.HsmService/);
  assert.match(missing?.message.toString() ?? "", /errorResponse/);
  assert.deepEqual([end?.flags, end?.message.toString()], [2, "{}"]);
  const broken = await post(address("developmentGrpc"), path, "application/connect+proto", Buffer.from([0, 0, 0, 0, 9, 1]));
  const last = frames(broken.body).at(-1);
  assert.equal(last?.flags, 2);
  assert.equal((JSON.parse(last?.message.toString() ?? "") as { error: { code: string } }).error.code, "invalid_argument");
  const unknown = frames((await post(address("developmentGrpc"), SIGN, "application/connect+proto", Buffer.alloc(0))).body).at(-1);
  assert.match(unknown?.message.toString() ?? "", /unimplemented/);
});
