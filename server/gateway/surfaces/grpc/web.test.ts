import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { SignRequestSchema, SignResponseSchema, type SignRequest } from "@keystead/contract/generated/hsm/hsm_pb";
import { h2c, http1, http2, type Reply } from "../../testing/http.ts";
import { testGateway } from "../../testing/test-gateway.ts";

const answers = {
  Sign: ({ keyId, data }: SignRequest) => {
    if (keyId === "missing") throw new HsmError("OBJECT_NOT_FOUND", "no such key");
    return { signature: data, keyId };
  },
};
const SIGN = "/hsm.HsmService/Sign";
const message = (keyId: string): Buffer => {
  const bytes = toBinary(SignRequestSchema, create(SignRequestSchema, { keyId, data: Buffer.from("hello") }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
};

/** The answer's message and its trailers. */
function parts(body: Buffer): { readonly messages: Buffer[]; readonly trailers: string } {
  const messages: Buffer[] = [];
  let trailers = "";
  for (let at = 0; at < body.length;) {
    const end = at + 5 + body.readUInt32BE(at + 1);
    if (body[at] === 0x80) trailers = body.toString("latin1", at + 5, end);
    else messages.push(body.subarray(at + 5, end));
    at = end;
  }
  return { messages, trailers };
}
const status = (reply: Reply, trailers: string): string | undefined =>
  /grpc-status: ?(\d+)/.exec(trailers)?.[1] ?? (reply.headers["grpc-status"] as string | undefined);

test("binary calls over HTTP/1.1 and HTTP/2 carry their trailers in the body", async (context) => {
  const { address } = await testGateway(context, answers);
  const session = h2c(address("developmentGrpc"));
  const ask = { method: "POST", headers: { "content-type": "application/grpc-web+proto" }, body: message("k") };
  for (const reply of [await http1(address("developmentGrpc"), SIGN, ask), await http2(session, SIGN, ask)]) {
    const { messages, trailers } = parts(reply.body);
    assert.equal(fromBinary(SignResponseSchema, messages[0] as Buffer).keyId, "k");
    assert.equal(status(reply, trailers), "0");
    assert.equal(reply.headers["content-type"], "application/grpc-web+proto");
  }
  session.close();
});

test("text calls are base64 both ways, also in several padded pieces", async (context) => {
  const { address } = await testGateway(context, answers);
  const whole = message("k");
  for (const body of [whole.toString("base64"), whole.subarray(0, 4).toString("base64") + whole.subarray(4).toString("base64")]) {
    const reply = await http1(address("developmentGrpc"), SIGN, {
      method: "POST",
      headers: { "content-type": "application/grpc-web-text" },
      body,
    });
    const { messages, trailers } = parts(Buffer.from(reply.text, "base64"));
    assert.equal(fromBinary(SignResponseSchema, messages[0] as Buffer).keyId, "k");
    assert.equal(status(reply, trailers), "0");
  }
  const broken = await http1(address("developmentGrpc"), SIGN, {
    method: "POST",
    headers: { "content-type": "application/grpc-web-text" },
    body: "a*b=",
  });
  assert.equal(status(broken, parts(Buffer.from(broken.text, "base64")).trailers), "3");
});

test("an error is a status with code and number", async (context) => {
  const { address } = await testGateway(context, answers);
  const reply = await http1(address("developmentGrpc"), SIGN, {
    method: "POST",
    headers: { "content-type": "application/grpc-web" },
    body: message("missing"),
  });
  assert.equal(reply.status, 200);
  assert.equal(status(reply, parts(reply.body).trailers), "5");
  assert.equal(reply.headers["hsm-error-code"], "OBJECT_NOT_FOUND");
});

test("plain gRPC over HTTP/1.1 is refused", async (context) => {
  const { address, vault } = await testGateway(context, answers);
  const reply = await http1(address("developmentGrpc"), SIGN, {
    method: "POST",
    headers: { "content-type": "application/grpc" },
    body: message("k"),
  });
  assert.equal(reply.status, 415);
  assert.equal(vault.seen.length, 0);
});
