import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { HsmError } from "@keystead/contract/errors";
import {
  CHUNK_BYTES,
  decodeHeader,
  encodeHeader,
  MAX_WRAPPED_KEY_BYTES,
  openStream,
  readHeader,
  sealStream,
  type ByteSource,
} from "./sealed-stream.ts";

const KEY = randomBytes(32);
const WRAPPED = Buffer.from("a wrapped data key");
const SEALED_CHUNK = CHUNK_BYTES + 16;
const HEADER = 43 + WRAPPED.byteLength;

async function gather(source: ByteSource): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}

const seal = (plaintext: ByteSource, context?: Uint8Array): Promise<Buffer> => gather(sealStream(KEY, WRAPPED, plaintext, context));

async function open(sealed: ByteSource, context?: Uint8Array, key: Uint8Array = KEY): Promise<Buffer> {
  const { header, body } = await readHeader(sealed);
  return gather(openStream(key, header, body, context));
}

function* split(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.byteLength; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const failed = { code: "DECRYPTION_FAILED" };
const SIZES = [
  0,
  1,
  15,
  16,
  17,
  CHUNK_BYTES - 1,
  CHUNK_BYTES,
  CHUNK_BYTES + 1,
  2 * CHUNK_BYTES - 1,
  2 * CHUNK_BYTES,
  2 * CHUNK_BYTES + 1,
  3 * CHUNK_BYTES + 5,
];

test("open inverts seal at every size around a chunk, however the bytes arrive", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SIZES),
      sizes,
      sizes,
      fc.uint8Array({ maxLength: 20 }),
      async (size, inSizes, outSizes, context) => {
        const plaintext = randomBytes(size);
        const sealed = await seal(split(plaintext, inSizes), context);
        const chunks = Math.max(1, Math.ceil(size / CHUNK_BYTES));
        assert.equal(sealed.byteLength, HEADER + size + 16 * chunks);
        assert.ok((await open(split(sealed, outSizes), context)).equals(plaintext));
      },
    ),
    { numRuns: 60 },
  );
});

test("arrives byte by byte, and with empty pieces between", async () => {
  const plaintext = randomBytes(300);
  const sealed = await seal([Buffer.alloc(0), plaintext.subarray(0, 100), Buffer.alloc(0), plaintext.subarray(100), Buffer.alloc(0)]);
  assert.deepEqual(await open(split(sealed, [1])), plaintext);
});

test("refuses any flipped bit, in the header or after it", async () => {
  const plaintext = randomBytes(CHUNK_BYTES + 100);
  const sealed = await seal([plaintext]);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: sealed.byteLength * 8 - 1 }), async (bit) => {
      await assert.rejects(
        open([flipped(sealed, bit)]),
        (error) => error instanceof HsmError && ["DECRYPTION_FAILED", "INVALID_REQUEST"].includes(error.code),
      );
    }),
    { numRuns: 100 },
  );
  for (let byte = 11; byte < HEADER; byte++) await assert.rejects(open([flipped(sealed, byte * 8)]), failed);
  for (let byte = 0; byte < 9; byte++) await assert.rejects(open([flipped(sealed, byte * 8)]), { code: "INVALID_REQUEST" });
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

test("releases only whole authenticated chunks before it refuses", async () => {
  const plaintext = randomBytes(3 * CHUNK_BYTES);
  const sealed = await seal([plaintext]);
  const { header, body } = await readHeader([flipped(sealed, (HEADER + SEALED_CHUNK + 5) * 8)]);
  const released: Buffer[] = [];
  await assert.rejects(async () => {
    for await (const piece of openStream(KEY, header, body)) released.push(piece);
  }, failed);
  assert.deepEqual(Buffer.concat(released), plaintext.subarray(0, CHUNK_BYTES));
});

test("refuses truncation at and around every chunk boundary", async () => {
  for (const size of [0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7]) {
    const sealed = await seal([randomBytes(size)]);
    for (let boundary = HEADER; boundary < sealed.byteLength; boundary += SEALED_CHUNK) {
      for (const cut of [boundary, boundary + 1, boundary + 16, boundary + 17].filter((at) => at < sealed.byteLength)) {
        await assert.rejects(open([sealed.subarray(0, cut)]), failed, `${size} bytes cut at ${cut}`);
      }
    }
    await assert.rejects(open([sealed.subarray(0, -1)]), failed);
    await assert.rejects(open([sealed.subarray(0, HEADER - 1)]), { code: "INVALID_REQUEST" });
  }
});

test("refuses chunks that were swapped, dropped, repeated or appended", async () => {
  const sealed = await seal([randomBytes(4 * CHUNK_BYTES)]);
  const header = sealed.subarray(0, HEADER);
  const chunk = (i: number): Buffer => sealed.subarray(HEADER + i * SEALED_CHUNK, HEADER + (i + 1) * SEALED_CHUNK);
  const orders = [
    [1, 0, 2, 3],
    [0, 2, 1, 3],
    [0, 1, 3, 2],
    [1, 2, 3],
    [0, 2, 3],
    [0, 1, 3],
    [3],
    [0, 0, 1, 2, 3],
    [0, 1, 2, 3, 3],
    [0, 1, 2, 2, 3],
    [0, 1, 2, 3, 0],
  ];
  for (const order of orders) await assert.rejects(open([header, ...order.map(chunk)]), failed, order.join());
  assert.equal((await open([header, ...[0, 1, 2, 3].map(chunk)])).byteLength, 4 * CHUNK_BYTES);
  await assert.rejects(open([sealed, Buffer.alloc(1)]), failed);
  await assert.rejects(open([sealed, Buffer.alloc(16)]), failed);
});

test("refuses chunks of another file under the same data key, another key and another context", async () => {
  const [one, two] = [await seal([Buffer.from("one")]), await seal([Buffer.from("two")])];
  await assert.rejects(open([one.subarray(0, HEADER), two.subarray(HEADER)]), failed);
  await assert.rejects(open([one], undefined, randomBytes(32)), failed);
  await assert.rejects(open([one], Buffer.from("context")), failed);
  await assert.rejects(open([await seal([Buffer.from("a")], Buffer.from("x"))], Buffer.from("y")), failed);
});

test("the same plaintext never seals to the same bytes", async () => {
  const [one, two] = [await seal([Buffer.from("same")]), await seal([Buffer.from("same")])];
  assert.notDeepEqual(one.subarray(11, 43), two.subarray(11, 43));
  assert.notDeepEqual(one.subarray(HEADER), two.subarray(HEADER));
});

test("the header reads back, and says when it needs more", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: MAX_WRAPPED_KEY_BYTES }),
      fc.uint8Array({ maxLength: 9 }),
      (salt, wrappedKey, rest) => {
        const bytes = encodeHeader({ salt, wrappedKey });
        assert.deepEqual(decodeHeader(Buffer.concat([bytes, rest])), {
          header: { salt: Buffer.from(salt), wrappedKey: Buffer.from(wrappedKey) },
          headerBytes: bytes.byteLength,
        });
        assert.equal(decodeHeader(bytes.subarray(0, -1)), undefined);
      },
    ),
  );
});

test("refuses wrong sizes and foreign files", async () => {
  assert.throws(() => encodeHeader({ salt: Buffer.alloc(16), wrappedKey: WRAPPED }), { code: "INVALID_REQUEST" });
  assert.throws(() => encodeHeader({ salt: Buffer.alloc(32), wrappedKey: Buffer.alloc(MAX_WRAPPED_KEY_BYTES + 1) }), {
    code: "INVALID_REQUEST",
  });
  assert.throws(() => decodeHeader(Buffer.from("PK")), { code: "INVALID_REQUEST" });
  const long = encodeHeader({ salt: Buffer.alloc(32), wrappedKey: WRAPPED });
  long.writeUInt16BE(MAX_WRAPPED_KEY_BYTES + 1, 9);
  assert.throws(() => decodeHeader(long), { code: "INVALID_REQUEST" });
  await assert.rejects(gather(sealStream(Buffer.alloc(16), WRAPPED, [])), { code: "INVALID_REQUEST" });
  await assert.rejects(readHeader([]), { code: "INVALID_REQUEST" });
});

test("closes its source when it refuses, and when the reader stops early", async () => {
  let closed = 0;
  async function* source(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    try {
      for (const piece of split(bytes, [1000])) yield piece;
    } finally {
      closed++;
    }
  }
  await assert.rejects(readHeader(source(Buffer.alloc(5000))), { code: "INVALID_REQUEST" });
  assert.equal(closed, 1);
  const sealed = await seal([randomBytes(3 * CHUNK_BYTES)]);
  await assert.rejects(open(source(flipped(sealed, (HEADER + 1) * 8))), failed);
  assert.equal(closed, 2);
  const { header, body } = await readHeader(source(sealed));
  for await (const piece of openStream(KEY, header, body)) {
    assert.equal(piece.byteLength, CHUNK_BYTES);
    break;
  }
  assert.equal(closed, 3);
});

test("an empty chunk after a full one is refused even when it is authentic", async () => {
  // Sealed by hand with the same primitives: chunk 0 not last, then an empty last chunk.
  const { sealWithNonce } = await import("../mechanisms/gcm-nonce.ts");
  const { createSecretKey, hash, hkdfSync } = await import("node:crypto");
  const header = { salt: randomBytes(32), wrappedKey: WRAPPED };
  const bytes = encodeHeader(header);
  const info = Buffer.concat([
    Buffer.from("keystead/sealed-stream/1\0"),
    hash("sha256", bytes, "buffer"),
    hash("sha256", Buffer.alloc(0), "buffer"),
  ]);
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", KEY, header.salt, info, 32)));
  const nonce = (counter: number, last: number): Buffer => Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, counter, last]);
  const chunk = (counter: number, last: number, size: number): Buffer =>
    sealWithNonce("aes-256-gcm", key, nonce(counter, last), Buffer.alloc(size, 7), Buffer.alloc(0));
  assert.equal((await gather(openStream(KEY, header, [chunk(0, 0, CHUNK_BYTES), chunk(1, 1, 1)]))).byteLength, CHUNK_BYTES + 1);
  await assert.rejects(gather(openStream(KEY, header, [chunk(0, 0, CHUNK_BYTES), chunk(1, 1, 0)])), failed);
});
