import assert from "node:assert/strict";
import { test } from "node:test";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm, type BatchItemSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { batch } from "@keystead/contract/operations/batch";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { getKey } from "@keystead/contract/operations/get-key";
import { sign } from "@keystead/contract/operations/sign";
import { passGates, type Asked, type Gate } from "./gate.ts";
import { ClockedVault } from "./testing/clocked-vault.ts";

const DEMAND = { rule: "r", quorum: 2, roles: ["Operator"], expirySeconds: 60, reason: "" };

async function vaultWithKey(): Promise<ClockedVault> {
  const vault = await ClockedVault.open();
  await vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.Ed25519 });
  return vault;
}

test("gates are asked in order, until one refuses or holds back, whether they answer at once or later", async () => {
  const seen: string[] = [];
  const named =
    (name: string, later: boolean): Gate =>
    () => {
      seen.push(name);
      return later ? Promise.resolve(undefined) : undefined;
    };
  const asked = {} as Asked;
  assert.equal(passGates([named("a", false), named("b", false)], asked), undefined);
  assert.equal(await passGates([named("c", true), named("d", false), named("e", true)], asked), undefined);
  const held = { change: { writes: [], settle: () => undefined }, error: new HsmError("APPROVAL_REQUIRED", "wait") };
  assert.equal(await passGates([named("f", true), () => held, named("never", false)], asked), held);
  assert.deepEqual(seen, ["a", "b", "c", "d", "e", "f"]);
});

test("a gate sees what was permitted, and what it refuses is neither done nor left out of the log", async () => {
  const vault = await vaultWithKey();
  let asked: Asked | undefined;
  vault.gates.push((about) => {
    asked = about;
    throw new HsmError("SIGNING_REFUSED", "not today");
  });
  assert.equal(await vault.codeOf(vault.ask(sign, { keyId: "k", data: Buffer.from("x") })), "SIGNING_REFUSED");
  assert.deepEqual([asked?.operation.name, asked?.namespace, asked?.keyId, asked?.batched], ["Sign", "default", "k", false]);
  assert.match(asked?.payload ?? "", /^[0-9a-f]{64}$/);
  const [event] = await vault.events("Sign");
  assert.deepEqual([event?.decision, event?.outcome, event?.key], ["refuse", "SIGNING_REFUSED", "k"]);
});

test("a request that was begun never says that nothing was done, whatever it asked others and they answered", async () => {
  const vault = await vaultWithKey();
  const refusal = (): Promise<HsmError> =>
    vault.ask(sign, { keyId: "k", data: Buffer.from("x") }).then(
      () => assert.fail("was answered"),
      (error: HsmError) => error,
    );
  vault.gates.push(() => {
    throw new HsmError("PROVIDER_UNAVAILABLE", "the other process is away", { retryAfterSeconds: 3, nothingDone: true });
  });
  const refused = await refusal();
  assert.deepEqual([refused.code, refused.retryAfterSeconds, refused.nothingDone], ["PROVIDER_UNAVAILABLE", 3, false]);
  vault.gates.length = 0;
  vault.monitor.close();
  const sealed = await refusal();
  assert.deepEqual([sealed.code, sealed.nothingDone], ["VAULT_SEALED", true]);
});

test("an event says from where it was asked, in which trace, and what a policy script decided", async () => {
  const vault = await vaultWithKey();
  const script = { name: "hours", version: 2, verdict: "allow", fuel: 1234 };
  vault.gates.push((asked) => {
    asked.judged(script);
    return undefined;
  });
  await vault.ask(sign, { keyId: "k", data: Buffer.from("x") });
  const trace = "0af7651916cd43dd8448eb211c80319c";
  for (const sent of [`00-${trace}-b7ad6b7169203331-01`, `00-${"0".repeat(32)}-b7ad6b7169203331-01`, `${trace}","forged":"`, ""])
    assert.equal(await vault.codeOf(vault.over(sign, { keyId: "k" }, { address: "198.51.100.7", trace: sent })), "UNAUTHENTICATED");
  const [first, ...refused] = await vault.events("Sign");
  assert.deepEqual([first?.scripts, first?.address, first?.trace], [[script], undefined, undefined]);
  assert.deepEqual(
    refused.map((event) => [event.address, event.trace]),
    [["198.51.100.7", trace], ...Array.from({ length: 3 }, () => ["198.51.100.7", undefined])],
  );
});

test("the items of a batch say which policy scripts were asked about each", async () => {
  const vault = await vaultWithKey();
  vault.gates.push((asked) => {
    if (asked.batched) asked.judged({ name: "hours", version: 1, verdict: "allow", fuel: asked.keyId.length });
    return undefined;
  });
  const item = { operation: { case: "sign" as const, value: { keyId: "k", data: Buffer.from("x") } } };
  await vault.ask(batch, { items: [item] });
  const [event] = await vault.events("Batch");
  assert.deepEqual([event?.scripts, event?.items?.[0]?.scripts], [undefined, [{ name: "hours", version: 1, verdict: "allow", fuel: 1 }]]);
});

test("no gate is asked about what is not permitted", async () => {
  const vault = await vaultWithKey();
  vault.gates.push(() => assert.fail("asked"));
  assert.equal(await vault.codeOf(vault.ask(sign, { keyId: "k" }, ["Auditor"])), "PERMISSION_DENIED");
});

test("a request that is held back is recorded as pending in the transaction of what was made of it", async () => {
  const vault = await vaultWithKey();
  vault.gates.push(
    (asked) => {
      if (asked.operation.name === "Sign") asked.raise(DEMAND);
      return undefined;
    },
    async (asked) => {
      if (asked.raised.length === 0) return undefined;
      const name = { kind: "approval", id: "a1" } as const;
      const change = await vault.vault.documents.change([name], () => [{ ...name, value: { raised: asked.raised } }]);
      return { change, error: new HsmError("APPROVAL_REQUIRED", "two must agree", { approvalId: "a1" }) };
    },
  );
  const refused = await vault.ask(sign, { keyId: "k", data: Buffer.from("x") }).catch((error: HsmError) => error);
  assert.ok(refused instanceof HsmError);
  assert.deepEqual([refused.code, refused.approvalId], ["APPROVAL_REQUIRED", "a1"]);
  const events = await vault.events("Sign");
  assert.equal(events.length, 1);
  assert.deepEqual([events[0]?.decision, events[0]?.outcome], ["pending", "APPROVAL_REQUIRED"]);
  assert.deepEqual(
    events[0]?.records?.map(({ name }) => name),
    ["_server/approval/a1/0"],
  );
  await vault.reopen();
  assert.deepEqual(vault.vault.documents.get("approval", "a1")?.value, { raised: [DEMAND] });
  await vault.ask(getKey, { keyId: "k" });
});

test("each item of a batch passes the gates by itself, and none can be held back", async () => {
  const vault = await vaultWithKey();
  const seen: boolean[] = [];
  vault.gates.push((asked) => {
    if (asked.operation.name !== "Sign") return undefined;
    seen.push(asked.batched);
    if (Buffer.from((asked.request as unknown as { data: Uint8Array }).data).toString() === "no")
      throw new HsmError("SIGNING_REFUSED", "no");
    return undefined;
  });
  const item = (data: string): MessageInitShape<typeof BatchItemSchema> => ({
    operation: { case: "sign", value: { keyId: "k", data: Buffer.from(data) } },
  });
  const { results } = await vault.ask(batch, { items: [item("yes"), item("no"), item("yes")] });
  assert.deepEqual(seen, [true, true, true]);
  assert.deepEqual(
    results.map(({ result }) => result.case),
    ["sign", "error", "sign"],
  );
});
