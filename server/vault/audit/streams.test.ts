import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { encodeCall, LISTENER } from "@keystead/channel/call";
import type { IncomingCall } from "@keystead/channel/peer";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createSecretId } from "@keystead/contract/operations/create-secret-id";
import { createServiceAccount } from "@keystead/contract/operations/create-service-account";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { loginService } from "@keystead/contract/operations/login-service";
import { STREAM_ON } from "@keystead/contract/operations/register";
import { streamAuditLog } from "@keystead/contract/operations/stream-audit-log";
import { ClockedVault } from "../testing/clocked-vault.ts";

test("a stream that nobody asked for in a minute makes room, and whoever comes back is told to go on with another one", async (t) => {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  const tokenOf = async (name: string): Promise<string> => {
    await vault.ask(createServiceAccount, { name, roles: ["Auditor"], namespaces: ["*"] });
    const { secretId } = await vault.ask(createSecretId, { name });
    return (await vault.over(loginService, { roleId: name, secretId })).tokens?.accessToken ?? "";
  };
  const [slow, other] = [await tokenOf("slow"), await tokenOf("other")];
  const more = async (token: string): Promise<unknown> => {
    const seen = {
      listener: LISTENER.tls,
      address: "192.0.2.1",
      requestId: "over",
      trace: "",
      token,
      certificate: Buffer.alloc(0),
    } as const;
    const payload = encodeCall(seen, Buffer.from(JSON.stringify({ waitMs: 0 })));
    return vault.monitor.answer({ operation: STREAM_ON, payload, deadline: Infinity, cancelled: false } as IncomingCall);
  };
  const gone = { code: "PROVIDER_UNAVAILABLE", detail: /ask on from the last number/ };
  await assert.rejects(more(slow), gone);
  await vault.over(streamAuditLog, {}, { token: slow });
  await more(slow);
  vault.now += 59_000;
  await vault.over(streamAuditLog, {}, { token: other });
  await more(slow);
  vault.now += 61_000;
  await vault.over(streamAuditLog, {}, { token: other });
  await assert.rejects(more(slow), gone);
  await more(other);
});

test("a tenant sees nothing of the namespace that had the name before; who sees the server's part sees both", async (t) => {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  // Events have the time of the machine, namespaces that of the test.
  const make = async (namespace: string, at: number): Promise<void> => {
    vault.now = at;
    await vault.ask(createNamespace, { namespace });
    await vault.ask(generateKey, { namespace, keyId: "k", algorithm: Algorithm.Ed25519 });
  };
  await make("ours", Date.now() - 60_000);
  // As if another had the name until a minute from now.
  await make("reborn", Date.now() + 60_000);
  const seen = async (namespace: string, namespaces: readonly string[] | undefined): Promise<number> => {
    const caller = { roles: ["Auditor"], id: `token:${randomUUID()}`, ...(namespaces === undefined ? {} : { namespaces }) };
    const { events } = await vault.askFrom(caller, streamAuditLog, { namespace, after: 0n, untilNow: true });
    return events.filter((event) => event.action === "GenerateKey").length;
  };
  assert.deepEqual([await seen("ours", ["ours"]), await seen("reborn", ["reborn"])], [1, 0]);
  assert.deepEqual([await seen("ours", undefined), await seen("reborn", undefined)], [1, 1]);
});
