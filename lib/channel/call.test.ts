import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LISTENER, MAX_TOKEN_BYTES, decodeCall, encodeCall as encodePieces, type Evidence } from "./call.ts";
import { MalformedFrame } from "./frame.ts";
import { piecesOf, type Payload } from "./payload.ts";

const latin1 = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const bytes = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength }).map((value) => Buffer.from(value));
const EVIDENCE: fc.Arbitrary<Evidence> = fc.record({
  listener: fc.constantFrom(...Object.values(LISTENER)),
  address: latin1(255),
  requestId: latin1(255),
  trace: latin1(255),
  token: latin1(2000),
  certificate: bytes(2000),
});
/** The payload as the other side gets it. */
const encodeCall = (evidence: Evidence, body: Payload): Buffer => Buffer.concat(piecesOf(encodePieces(evidence, body)));
const PLAIN: Evidence = {
  listener: LISTENER.tls,
  address: "::1",
  requestId: "r1",
  trace: "",
  token: "aa.bb.cc",
  certificate: Buffer.from("der"),
};

test("decoding inverts encoding, and the credentials are token and certificate with their lengths", () => {
  fc.assert(
    fc.property(EVIDENCE, bytes(300), (evidence, body) => {
      const decoded = decodeCall(encodeCall(evidence, Buffer.from(body)));
      const { listener, address, requestId, trace, token } = decoded.evidence;
      assert.deepEqual([listener, address, requestId, trace], [evidence.listener, evidence.address, evidence.requestId, evidence.trace]);
      assert.equal(token, evidence.token);
      assert.ok(decoded.evidence.certificate.equals(evidence.certificate));
      assert.deepEqual(Buffer.from(decoded.body), body);
      const lengths = Buffer.alloc(2);
      lengths.writeUInt16BE(evidence.certificate.length);
      const tokenBytes = Buffer.alloc(2);
      tokenBytes.writeUInt16BE(evidence.token.length);
      assert.deepEqual(
        Buffer.from(decoded.credentials),
        Buffer.concat([tokenBytes, Buffer.from(evidence.token, "latin1"), lengths, evidence.certificate]),
      );
    }),
  );
});

test("a call cut anywhere inside its evidence is malformed", () => {
  const whole = encodeCall(PLAIN, Buffer.alloc(0));
  for (let cut = 0; cut < whole.length; cut++) assert.throws(() => decodeCall(whole.subarray(0, cut)), MalformedFrame, `cut at ${cut}`);
  assert.doesNotThrow(() => decodeCall(whole));
});

test("any bytes at all are a call or malformed, never another error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(0, 1, 2, 3, 4, 255), (tail, listener) => {
      try {
        decodeCall(Buffer.from([listener, ...tail]));
        assert.ok(listener >= LISTENER.tls && listener <= LISTENER.socket);
      } catch (error) {
        assert.ok(error instanceof MalformedFrame, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test("what does not fit its length field is refused and never spills into the next field", () => {
  // 256 wraps to 0 in one byte: the rest of the id would then be read as a token and a certificate.
  for (const wrong of [
    { address: "a".repeat(256) },
    { requestId: "r".repeat(256) },
    { trace: "t".repeat(256) },
    { requestId: "r".repeat(300) },
    { token: "t".repeat(MAX_TOKEN_BYTES + 1) },
    { certificate: Buffer.alloc(65_536) },
  ]) {
    assert.throws(() => encodeCall({ ...PLAIN, ...wrong }, Buffer.alloc(0)), { code: "REQUEST_TOO_LARGE" });
  }
  assert.equal(
    decodeCall(
      encodeCall(
        {
          ...PLAIN,
          address: "a".repeat(255),
          requestId: "r".repeat(255),
          token: "t".repeat(MAX_TOKEN_BYTES),
          certificate: Buffer.alloc(65_535),
        },
        Buffer.alloc(0),
      ),
    ).evidence.requestId.length,
    255,
  );
});
