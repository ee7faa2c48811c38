import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import type { HsmError } from "@keystead/contract/errors";
import { unseal } from "@keystead/contract/operations/unseal";
import type { UnsealSecret } from "../objects/hierarchy.ts";
import type { Context, Handler, Invocation } from "../operations/handler.ts";
import { phaseCeremonies, type PhaseChanges } from "./phase-changes.ts";

function ceremony(changes: Partial<PhaseChanges>): (secret: Buffer, second?: Buffer) => Promise<unknown> {
  const handler = phaseCeremonies({ method: () => "key", open: async () => undefined, closeSoon: () => undefined, ...changes }).get(
    unseal.number,
  ) as Handler;
  return (secret, second) =>
    handler.run(
      { request: create(unseal.method.input, { secret, hmacKey: second ?? Buffer.alloc(0) }) } as unknown as Invocation,
      {} as Context,
    );
}

test("of two openings at one moment only one happens: two logs over one file would overwrite each other", async () => {
  let opened = 0;
  const gate = Promise.withResolvers<void>();
  const run = ceremony({
    open: async () => {
      opened += 1;
      await gate.promise;
    },
  });
  const both = [run(Buffer.alloc(32, 1)), run(Buffer.alloc(32, 1))];
  const results = Promise.allSettled(both);
  gate.resolve();
  assert.deepEqual(
    (await results).map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  assert.equal(((await results)[1] as PromiseRejectedResult).reason.code, "INVALID_REQUEST");
  assert.equal(opened, 1);
});

test("an opening that failed does not stand in the way of the next", async () => {
  let attempts = 0;
  const run = ceremony({
    open: async () => {
      if (++attempts === 1) throw new Error("wrong");
    },
  });
  await assert.rejects(run(Buffer.alloc(32)), /wrong/);
  await run(Buffer.alloc(32));
  assert.equal(attempts, 2);
});

test("a key may come as 32 bytes or as text; every other length is the same refusal", async () => {
  const seen: UnsealSecret[] = [];
  const given: Buffer[] = [];
  const run = ceremony({
    open: async ({ secret, ...rest }) => {
      seen.push({ ...rest, secret: Buffer.from(secret) });
      given.push(secret);
    },
  });
  await run(Buffer.alloc(32, 7));
  await run(Buffer.from(`hex:${"07".repeat(32)}`));
  for (const { secret } of seen) assert.ok(secret.equals(Buffer.alloc(32, 7)));
  for (const wrong of [Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(33), Buffer.from("hex:07")])
    await assert.rejects(run(wrong), (error: HsmError) => error.code === "UNAUTHENTICATED");
  assert.equal(seen.length, 2);
  for (const secret of given)
    assert.ok(
      secret.every((byte) => byte === 0),
      "a secret was left in memory",
    );
});

test("Unseal answers what the phase is, which is maintenance while nobody accepted the configuration", async () => {
  const phaseOf = async (changes: Partial<PhaseChanges>): Promise<string> =>
    ((await ceremony(changes)(Buffer.alloc(32, 1))) as { reply: { phase: string } }).reply.phase;
  assert.deepEqual([await phaseOf({}), await phaseOf({ phase: () => "maintenance" })], ["open", "maintenance"]);
});
