/** A failed self-test while the vault works: nothing that was computed leaves, and nothing but status is answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { createLogger } from "@keystead/contract/logging";
import type { Operation } from "@keystead/contract/operation";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { generateRandom } from "@keystead/contract/operations/generate-random";
import { getStatus } from "@keystead/contract/operations/get-status";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { mechanismFor } from "@keystead/crypto/mechanisms/register";
import { memoryFiles } from "./audit/memory-files.ts";
import { ceremonyPrincipal } from "./authenticate/authenticate.ts";
import { Authorizer } from "./authorize/authorize.ts";
import { phaseCeremonies } from "./ceremonies/phase-changes.ts";
import { unseal } from "./ceremonies/unseal.ts";
import { RateLimits, UNLIMITED } from "./limits/rate-limits.ts";
import { Monitor } from "./monitor.ts";
import type { Context } from "./operations/handler.ts";
import { SoftwareProvider } from "./providers/software.ts";
import { memoryStore } from "./stores/memory.ts";

const FAILED = { code: "SELF_TEST_FAILED" };

/** An open vault whose Ed25519 signs wrongly while `broken` says so. */
async function vaultWith(broken: () => boolean) {
  const vault = await unseal(
    { method: "key", secret: Buffer.alloc(32, 7), second: undefined },
    {
      store: memoryStore(),
      files: memoryFiles(),
      auditPath: "/log/audit",
      syncMode: "none",
      cacheSizeBytes: 1_000_000,
      now: () => Date.now(),
      onLogStopped: () => assert.fail("the log stopped"),
    },
  );
  const provider = new SoftwareProvider(2, (name) => {
    const mechanism = mechanismFor(name);
    const { signer } = mechanism;
    if (name !== "Ed25519" || signer === undefined || !broken()) return mechanism;
    return { ...mechanism, signer: { ...signer, signPooled: () => Promise.resolve(Buffer.alloc(64)) } };
  });
  const context = {
    objects: vault.objects,
    provider,
    rsaPkcs1Decryption: false,
    status: () => ({
      phase: monitor.phase,
      uptimeSeconds: 0,
      auditSequence: 0,
      auditCheckpointSize: 0,
      auditFirstBadSequence: 0,
      maintenanceSteps: [],
    }),
  } as unknown as Context;
  const monitor: Monitor = new Monitor({
    authenticator: undefined as never,
    authorizer: new Authorizer({}),
    log: createLogger({ part: "vault", version: "0", level: "error", write: () => undefined }),
    observe: () => undefined,
    self: () => Buffer.alloc(0),
    limits: new RateLimits(UNLIMITED),
    gates: [],
    ceremonies: phaseCeremonies({ method: () => "key", open: () => assert.fail("opened"), closeSoon: () => undefined }),
    closedContext: context,
  });
  monitor.open({ vault, context });
  const ask = <I extends DescMessage>(operation: Operation<I>, message: MessageInitShape<I>): Promise<Buffer> =>
    monitor.perform(operation, create(operation.method.input, message), {
      principal: ceremonyPrincipal("tester", ["Administrator"]),
      requestId: "r",
      address: "",
      deadline: Infinity,
      cancelled: () => false,
    });
  await ask(createNamespace, { namespace: "n" });
  return { monitor, vault, ask };
}

test("a key whose halves do not fit is not made, and puts the vault in the error phase, where only status is answered", async () => {
  let broken = false;
  const { monitor, vault, ask } = await vaultWith(() => broken);
  await ask(generateKey, { namespace: "n", keyId: "good", algorithm: Algorithm.Ed25519 });
  broken = true;
  await assert.rejects(ask(generateKey, { namespace: "n", keyId: "bad", algorithm: Algorithm.Ed25519 }), FAILED);
  assert.equal(monitor.phase, "error");
  broken = false;
  for (const operation of OPERATIONS) {
    if (operation === (getStatus as unknown as Operation)) continue;
    assert.ok(!operation.phases.includes("error"), operation.name);
    await assert.rejects(ask(operation, {} as never), FAILED, operation.name);
  }
  await ask(getStatus, {});
  monitor.close();
  assert.equal(monitor.phase, "error", "closing the vault mends nothing");
  await assert.rejects(vault.objects.describe("n", "bad"), { code: "OBJECT_NOT_FOUND" });
  const { attributes } = await vault.objects.describe("n", "good");
  assert.equal(attributes.algorithm, "Ed25519");
});

test("an answer that was under way when a self-test failed does not leave", async () => {
  const { monitor, vault, ask } = await vaultWith(() => false);
  const underWay = ask(generateKey, { namespace: "n", keyId: "late", algorithm: Algorithm.Rsa2048 });
  const random = ask(generateRandom, { sizeBytes: 32 });
  monitor.fail(new HsmError("SELF_TEST_FAILED", "test"));
  const outcomes = await Promise.allSettled([underWay, random]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === "rejected" ? (outcome.reason as HsmError).code : "answered")),
    ["SELF_TEST_FAILED", "SELF_TEST_FAILED"],
  );
  await assert.rejects(vault.objects.describe("n", "late"), { code: "OBJECT_NOT_FOUND" });
});
