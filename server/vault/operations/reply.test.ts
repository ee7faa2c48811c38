import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { piecesOf } from "@keystead/channel/payload";
import { DecryptResponseSchema, EncryptResponseSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { encodeReply } from "./reply.ts";

const SIZES = [0, 100, 32_767, 32_768, 200_000, 2_200_000];

test("a reply reads the same whether its large field was copied or not", () => {
  for (const size of SIZES) {
    for (const own of [{}, { own: "ciphertext" }]) {
      const ciphertext = Buffer.alloc(size, 3);
      const payload = encodeReply(EncryptResponseSchema, {
        reply: { ciphertext, keyId: "k", version: 5, nonce: Buffer.from("n") },
        ...own,
      });
      const read = fromBinary(EncryptResponseSchema, Buffer.concat(piecesOf(payload)));
      assert.deepEqual([read.keyId, read.version, Buffer.from(read.nonce).toString(), read.$unknown], ["k", 5, "n", undefined]);
      assert.ok(Buffer.alloc(size, 3).equals(read.ciphertext));
      const inPlace = piecesOf(payload).some(({ buffer }) => buffer === ciphertext.buffer);
      assert.equal(inPlace, "own" in own && size >= 32_768, `${size} bytes`);
    }
  }
});

test("a secret is wiped unless it is a part of the payload, which the channel wipes", () => {
  for (const size of SIZES.slice(1)) {
    const plaintext = Buffer.alloc(size, 3);
    const other = Buffer.alloc(10, 4);
    const payload = encodeReply(DecryptResponseSchema, { reply: { plaintext }, own: "plaintext", secrets: [plaintext, other] });
    assert.ok(Buffer.alloc(size, 3).equals(fromBinary(DecryptResponseSchema, Buffer.concat(piecesOf(payload))).plaintext));
    for (const piece of piecesOf(payload)) piece.fill(0);
    assert.ok(
      [plaintext, other].every((bytes) => bytes.every((byte) => byte === 0)),
      `${size} bytes`,
    );
  }
});
