import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { piecesOf } from "@keystead/channel/payload";
import { framed, framedPieces, onlyMessage } from "./framing.ts";

test("the message of a body is the same however the body was cut", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(70), { maxLength: 8 }), (message, cuts) => {
      const body = framed(Buffer.from(message));
      const at = [0, ...cuts.map((cut) => Math.min(cut, body.length)).sort((a, b) => a - b), body.length];
      const pieces = at.slice(1).map((end, index) => body.subarray(at[index], end));
      assert.deepEqual(new Uint8Array(Buffer.concat(piecesOf(onlyMessage(pieces)))), message);
      const cutShort = [...pieces.slice(0, -1), (pieces.at(-1) as Buffer).subarray(0, -1)];
      if ((pieces.at(-1) as Buffer).length > 0) assert.throws(() => onlyMessage(cutShort), { code: "INVALID_REQUEST" });
      assert.throws(() => onlyMessage([...pieces, Buffer.from("x")]), { code: "INVALID_REQUEST" });
    }),
  );
});

test("a large reply stands behind its prefix without being copied", () => {
  for (const size of [0, 32_767, 32_768, 100_000]) {
    const message = Buffer.alloc(size, 9);
    const pieces = piecesOf(framedPieces(message));
    assert.equal(pieces.includes(message), size >= 32_768);
    assert.deepEqual(Buffer.concat(pieces), framed(Buffer.alloc(size, 9)));
  }
});
