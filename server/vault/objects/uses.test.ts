import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { batch } from "@keystead/contract/operations/batch";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { setAttributes } from "@keystead/contract/operations/set-attributes";
import { ClockedVault } from "../testing/clocked-vault.ts";

const KEY = { keyId: "k", algorithm: Algorithm.Aes256Gcm };
const use = (vault: ClockedVault, bytes = 4) => vault.ask(encrypt, { keyId: "k", plaintext: Buffer.alloc(bytes) });
const code = (vault: ClockedVault, bytes?: number) => vault.codeOf(use(vault, bytes));
const facts = async (vault: ClockedVault) => {
  const { key } = await vault.ask(getKey, { keyId: "k" });
  return { uses: Number(key?.uses), bytes: Number(key?.bytesUsed), last: Number(key?.lastUsedAt?.seconds ?? 0) * 1000 };
};

test("uses are counted in memory, written now and then, and survive a crash up to the last writing", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, KEY);
  assert.deepEqual(await facts(vault), { uses: 0, bytes: 0, last: 0 });
  for (let times = 0; times < 5; times += 1) await use(vault);
  const before = vault.vault.log.sequence;
  const first = vault.now;
  assert.deepEqual(await facts(vault), { uses: 5, bytes: 20, last: first });
  await vault.vault.objects.recordUses();
  await vault.vault.objects.recordUses();
  assert.equal(
    vault.vault.log.sequence,
    before + 2,
    "one event for the look at the key, one for what was written, none when nothing is new",
  );
  vault.now += 60_000;
  await use(vault);
  await vault.reopen(false);
  assert.deepEqual(await facts(vault), { uses: 5, bytes: 20, last: first });
  const { ciphertext } = await use(vault);
  vault.now += 1000;
  await vault.ask(decrypt, { keyId: "k", ciphertext });
  await vault.reopen();
  assert.deepEqual(await facts(vault), { uses: 6, bytes: 24, last: vault.now });
});

test("a limit is never exceeded, not by many at once, and only what makes something new counts against it", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { ...KEY, attributes: { maxUses: 20n } });
  const { ciphertext } = await use(vault);
  const codes = await Promise.all(Array.from({ length: 40 }, () => code(vault)));
  assert.equal(codes.filter((answer) => answer === "OK").length, 19);
  assert.deepEqual([...new Set(codes)].sort(), ["KEY_EXHAUSTED", "OK"]);
  assert.equal(await vault.codeOf(vault.ask(decrypt, { keyId: "k", ciphertext })), "OK");
  assert.equal((await facts(vault)).uses, 20);
  await vault.reopen();
  assert.equal(await code(vault), "KEY_EXHAUSTED");
});

test("every use of a limited key is durable before it is made: a crash loses uses and grants none", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.constantFrom("use", "use", "use", "crash", "close", "record"), { maxLength: 80 }),
      async (limit, steps) => {
        const vault = await ClockedVault.open();
        await vault.ask(generateKey, { ...KEY, attributes: { maxUses: BigInt(limit) } });
        let made = 0;
        let crashed = false;
        for (const step of steps) {
          if (step === "use") {
            const answer = await code(vault);
            if (answer === "OK") made += 1;
            else {
              assert.equal(answer, "KEY_EXHAUSTED");
              assert.ok(crashed || made === limit, `refused after ${made} of ${limit} without a crash`);
            }
          } else if (step === "record") await vault.vault.objects.recordUses();
          else {
            crashed ||= step === "crash";
            await vault.reopen(step === "close");
          }
          assert.ok(made <= limit);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("a limit in bytes counts bytes; a use that is larger than what is left is refused and a smaller one is not", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { ...KEY, attributes: { maxBytes: 100n } });
  assert.deepEqual(
    [await code(vault, 60), await code(vault, 41), await code(vault, 40), await code(vault, 1)],
    ["OK", "KEY_EXHAUSTED", "OK", "KEY_EXHAUSTED"],
  );
});

test("a limit can be set and lowered later, counts what was used before, and is never raised", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, KEY);
  for (let times = 0; times < 3; times += 1) await use(vault);
  const set = (maxUses: bigint) => vault.codeOf(vault.ask(setAttributes, { keyId: "k", attributes: { maxUses } }));
  assert.equal(await set(1000n), "OK");
  assert.equal(await code(vault), "OK");
  assert.equal(await set(1001n), "INVALID_REQUEST");
  assert.equal(await set(6n), "OK");
  assert.deepEqual([await code(vault), await code(vault), await code(vault)], ["OK", "OK", "KEY_EXHAUSTED"]);
  assert.equal((await facts(vault)).uses, 6);
});

test("items of one batch share a limited key without waiting for one another forever", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { ...KEY, attributes: { maxUses: 3n } });
  const item = { operation: { case: "encrypt" as const, value: { keyId: "k", plaintext: Buffer.from("x") } } };
  const { results } = await vault.ask(batch, { items: [item, item, item, item] });
  assert.deepEqual(results.map(({ result }) => result.case).sort(), ["encrypt", "encrypt", "encrypt", "error"]);
});
