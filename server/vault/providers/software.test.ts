import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { mechanisms } from "@keystead/crypto/mechanisms/register";
import type { OpenKey } from "../objects/key-shapes.ts";
import { SoftwareProvider } from "./software.ts";

const RUN = { principal: "p", batch: false };
const DATA = Buffer.from("x");
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A key whose signatures end when they are told to. */
function heldKey(): { key: OpenKey; running: () => number; endAll: () => void } {
  const ends: (() => void)[] = [];
  const signPooled = (): Promise<Buffer> => new Promise((resolve) => ends.push(() => resolve(Buffer.alloc(1))));
  const mechanism = { ...mechanisms["RSA-2048"], signer: { ...mechanisms["RSA-2048"].signer, signPooled } };
  return {
    key: { keyId: "k", algorithm: "RSA-2048", version: 1, mechanism, key: undefined, publicKey: undefined } as never,
    running: () => ends.length,
    endAll: () => {
      for (const end of ends.splice(0)) end();
    },
  };
}

test("alone, costly signatures are handed over twice as many as there are jobs", async () => {
  const alone = heldKey();
  const provider = new SoftwareProvider(2);
  const signed = Array.from({ length: 6 }, () => provider.sign(alone.key, DATA, {}, RUN));
  await turn();
  assert.equal(alone.running(), 4);
  while (provider.waiting > 0 || alone.running() > 0) {
    alone.endAll();
    await turn();
  }
  await Promise.all(signed);
});

test("an RSA-2048 signature is made at once where nothing else is under way, and larger ones never", async () => {
  const provider = new SoftwareProvider(2);
  for (const [name, sync] of [
    ["RSA-2048", true],
    ["RSA-3072", false],
  ] as const) {
    const mechanism = mechanisms[name];
    const key = await mechanism.generate();
    const open = { keyId: "k", algorithm: name, version: 1, mechanism, key, publicKey: createPublicKey(key) } as unknown as OpenKey;
    const alone = provider.sign(open, DATA, {}, { ...RUN, alone: () => true });
    assert.equal(Buffer.isBuffer(alone), sync, name);
    assert.equal(await provider.verify(open, DATA, await alone, {}, RUN), true);
    for (const run of [RUN, { ...RUN, alone: () => false }]) assert.equal(Buffer.isBuffer(provider.sign(open, DATA, {}, run)), false);
  }
});

test("no more keys are generated at once than there are jobs", async () => {
  const ends: (() => void)[] = [];
  const slow = { ...mechanisms["RSA-2048"], generate: () => new Promise((_, reject) => ends.push(() => reject(new Error("ended")))) };
  const provider = new SoftwareProvider(2, (() => slow) as never);
  const asked = Promise.allSettled(Array.from({ length: 5 }, () => provider.generate("RSA-2048", RUN)));
  await turn();
  assert.deepEqual([ends.length, provider.waiting], [2, 3]);
  while (provider.waiting > 0 || ends.length > 0) {
    for (const end of ends.splice(0)) end();
    await turn();
  }
  assert.ok((await asked).every(({ status }) => status === "rejected"));
});
