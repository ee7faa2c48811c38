/** Stream encryption against a stand-in for the two key operations: the laws, the refusals, the wiped data keys. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { decryptStream, encryptStream } from "./file-encryption.ts";

/** Wraps by XOR under a fixed pad and remembers every plain data key it gave away. */
function twoOperations() {
  const pad = randomBytes(32);
  const given: Buffer[] = [];
  const mask = (bytes: Uint8Array) => Buffer.from(bytes.map((byte, at) => byte ^ (pad[at % 32] ?? 0)));
  return {
    given,
    async generateDataKey({ keyId }: { keyId: string }) {
      const plaintext = Buffer.alloc(32, randomBytes(32));
      given.push(plaintext);
      return { plaintext, ciphertext: mask(plaintext), keyId, version: 1 };
    },
    async decrypt({ ciphertext }: { ciphertext: Uint8Array }) {
      const plaintext = mask(ciphertext);
      given.push(plaintext);
      return { plaintext, version: 1 };
    },
  };
}

async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(pieces));
}

const key = { keyId: "files" };

test("opening gives back what was sealed, for sizes around a chunk", async () => {
  const keystead = twoOperations();
  for (const size of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
    const plaintext = randomBytes(size);
    const sealed = await gather(encryptStream(keystead, key, [plaintext.subarray(0, size / 2), plaintext.subarray(size / 2)]));
    assert.deepEqual(await gather(decryptStream(keystead, key, [sealed])), plaintext);
  }
});

test("every plain data key is wiped when the stream is done", async () => {
  const keystead = twoOperations();
  const sealed = await gather(encryptStream(keystead, key, [randomBytes(100_000)]));
  await gather(decryptStream(keystead, key, [sealed]));
  assert.equal(keystead.given.length, 2);
  for (const dataKey of keystead.given) assert.deepEqual(dataKey, Buffer.alloc(32));
});

test("refuses a stream with any changed byte, cut short, or with a byte more", async () => {
  const keystead = twoOperations();
  const sealed = await gather(encryptStream(keystead, key, [randomBytes(70_000)]));
  const refused = (bytes: Uint8Array) =>
    assert.rejects(
      gather(decryptStream(keystead, key, [bytes])),
      (error) => error instanceof HsmError && ["DECRYPTION_FAILED", "INVALID_REQUEST"].includes(error.code),
    );
  for (let at = 0; at < sealed.length; at += 997) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await refused(changed);
  }
  await refused(sealed.subarray(0, -1));
  await refused(Buffer.concat([sealed, Buffer.from([0])]));
});

test("refuses another context than the one it was sealed with", async () => {
  const keystead = twoOperations();
  const sealed = await gather(encryptStream(keystead, { ...key, context: Buffer.from("a") }, [randomBytes(10)]));
  await assert.rejects(gather(decryptStream(keystead, { ...key, context: Buffer.from("b") }, [sealed])), { code: "DECRYPTION_FAILED" });
});

test("wipes the data key when the source fails", async () => {
  const keystead = twoOperations();
  async function* broken(): AsyncGenerator<Buffer> {
    yield randomBytes(10);
    throw new Error("disk");
  }
  await assert.rejects(gather(encryptStream(keystead, key, broken())), /disk/);
  assert.deepEqual(keystead.given[0], Buffer.alloc(32));
});
