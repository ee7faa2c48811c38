import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
  checkRecord,
  openRecord,
  parseRecordName,
  recordDigest,
  recordName,
  sealRecord,
  type RecordHeader,
  type RecordKey,
} from "./record.ts";
import type { Json } from "@keystead/crypto/formats/canonical-json";

const KEK = createSecretKey(randomBytes(32));
const MAC = createSecretKey(randomBytes(48));
const ID = fc.stringMatching(/^[A-Za-z0-9._-]{0,40}$/);
const HEADER: fc.Arbitrary<RecordHeader> = fc.record({
  namespace: ID,
  kind: fc.constantFrom("namespace" as const, "key" as const, "version" as const),
  id: ID,
  version: fc.nat(0xffffffff),
  generation: fc.nat(1e9),
  time: fc.nat(4e12),
});
const ATTRIBUTES: fc.Arbitrary<Json> = fc.dictionary(
  fc.string({ unit: "grapheme" }).filter((name) => name !== "__proto__"),
  fc.oneof(fc.string({ unit: "grapheme" }), fc.integer(), fc.boolean(), fc.constant(null)),
  { noNullPrototype: true },
);
const keyOf = ({ namespace, kind, id, version }: RecordHeader): RecordKey => ({ namespace, kind, id, version });
const INTEGRITY = { code: "INTEGRITY_FAILURE" };

test("opening inverts sealing", () => {
  fc.assert(
    fc.property(HEADER, ATTRIBUTES, fc.uint8Array({ maxLength: 200 }), (header, attributes, material) => {
      const sealed = sealRecord(header, attributes, material, KEK, MAC);
      assert.equal(sealed.digest, recordDigest(sealed.bytes));
      const opened = openRecord(keyOf(header), sealed.bytes, KEK, MAC);
      assert.deepEqual(opened.header, { ...header });
      assert.deepEqual(opened.attributes, attributes);
      assert.ok(opened.material.equals(material));
    }),
  );
});

test("a record's name is taken apart as it was made, and nothing else is a name", () => {
  fc.assert(
    fc.property(HEADER, (header) => {
      assert.deepEqual(parseRecordName(recordName(header)), keyOf(header));
    }),
  );
  for (const wrong of ["", "a/key/b", "a/key/b/1/2", "a/other/b/1", "a/key/b/", "a/key/b/-1", "a/key/b/1.0", "a/key/b/12345678901"])
    assert.equal(parseRecordName(wrong), undefined, wrong);
});

const HEADER_1: RecordHeader = { namespace: "default", kind: "version", id: "k1", version: 3, generation: 2, time: 1_700_000_000_000 };
const SEALED = sealRecord(HEADER_1, { algorithm: "Ed25519", state: "active" }, Buffer.from("material that must not show"), KEK, MAC);

test("every changed byte, every cut and every added byte is refused", () => {
  for (let at = 0; at < SEALED.bytes.length; at++) {
    for (const mask of [1, 0x80, 0xff]) {
      const changed = Buffer.from(SEALED.bytes);
      changed[at] = (changed[at] as number) ^ mask;
      assert.throws(() => openRecord(SEALED.key, changed, KEK, MAC), INTEGRITY, `byte ${at}`);
      assert.throws(() => checkRecord(SEALED.key, changed, MAC), INTEGRITY, `byte ${at}`);
    }
    assert.throws(() => openRecord(SEALED.key, SEALED.bytes.subarray(0, at), KEK, MAC), INTEGRITY, `cut at ${at}`);
  }
  assert.throws(() => openRecord(SEALED.key, Buffer.concat([SEALED.bytes, Buffer.alloc(1)]), KEK, MAC), INTEGRITY);
});

test("a genuine record in another's place is refused", () => {
  for (const other of [{ namespace: "other" }, { id: "k2" }, { version: 4 }, { kind: "key" as const }])
    assert.throws(() => openRecord({ ...SEALED.key, ...other }, SEALED.bytes, KEK, MAC), INTEGRITY, JSON.stringify(other));
});

test("neither key alone opens a record, and nothing of it shows", () => {
  const other = createSecretKey(randomBytes(48));
  assert.throws(() => openRecord(SEALED.key, SEALED.bytes, KEK, other), INTEGRITY);
  assert.throws(() => openRecord(SEALED.key, SEALED.bytes, createSecretKey(randomBytes(32)), MAC), INTEGRITY);
  for (const hidden of ["material", "Ed25519", "active"]) assert.equal(SEALED.bytes.includes(hidden), false);
  assert.notEqual(sealRecord(HEADER_1, {}, Buffer.alloc(0), KEK, MAC).digest, sealRecord(HEADER_1, {}, Buffer.alloc(0), KEK, MAC).digest);
});
