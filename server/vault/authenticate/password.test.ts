import assert from "node:assert/strict";
import { argon2Sync } from "node:crypto";
import { test } from "node:test";
import { SoftwareProvider } from "../providers/software.ts";
import { hashPassword, PASSWORD_PARAMS, passwordMatches, type Argon2, type Argon2Params } from "./password.ts";

const provider = new SoftwareProvider(2);
const argon2: Argon2 = (secret, params, sizeBytes) =>
  provider.derive(secret, { name: "argon2id", params }, sizeBytes, { principal: "test", batch: false });

test("a password is kept as Argon2id of it with a fresh salt and its parameters, as Node computes it from them", async () => {
  const record = await hashPassword(Buffer.from("correct horse"), argon2);
  assert.deepEqual([record.readUInt32BE(1), record[5], record[6]], [32_768, 4, 4]);
  const tag = argon2Sync("argon2id", {
    message: Buffer.from("correct horse"),
    nonce: record.subarray(7, 23),
    parallelism: 4,
    tagLength: 32,
    memory: 32_768,
    passes: 4,
  });
  assert.deepEqual(record.subarray(23), tag);
  const again = await hashPassword(Buffer.from("correct horse"), argon2);
  assert.notDeepEqual(again.subarray(7, 23), record.subarray(7, 23));
  assert.equal(await passwordMatches(Buffer.from("correct horse"), record, argon2), true);
  assert.equal(await passwordMatches(Buffer.from("correct horsf"), record, argon2), false);
});

test("parameters are those that were recorded, so that they can be raised without breaking what is kept", async () => {
  const seen: Argon2Params[] = [];
  const watching: Argon2 = (_, params, sizeBytes) => {
    seen.push(params);
    return Promise.resolve(Buffer.alloc(sizeBytes, 7));
  };
  const record = Buffer.alloc(55, 7);
  record[0] = 1;
  record.writeUInt32BE(65_536, 1);
  record[5] = 9;
  record[6] = 2;
  assert.equal(await passwordMatches(Buffer.from("x"), record, watching), true);
  assert.deepEqual([seen[0]?.memoryKib, seen[0]?.iterations, seen[0]?.parallelism], [65_536, 9, 2]);
});

test("without a record, or with one that is none, nothing matches, after the same work", async () => {
  const seen: Argon2Params[] = [];

  for (const record of [undefined, Buffer.alloc(0), Buffer.alloc(55), Buffer.alloc(54, 1)]) {
    const answer = await passwordMatches(Buffer.from("x"), record, (_, params, sizeBytes) => {
      seen.push(params);
      return Promise.resolve(Buffer.alloc(sizeBytes));
    });
    assert.equal(answer, false);
  }
  assert.equal(seen.length, 4);
  for (const { memoryKib, iterations, parallelism } of seen) assert.deepEqual({ memoryKib, iterations, parallelism }, PASSWORD_PARAMS);
});
