import assert from "node:assert/strict";
import { test } from "node:test";
import type { PastDecision } from "../operations/policy-control.ts";
import { ClockedVault } from "../testing/clocked-vault.ts";

const draft = JSON.stringify({
  format: 1,
  denials: [
    {
      id: "outside",
      members: ["*"],
      permissions: ["crypto:sign"],
      namespaces: ["*"],
      condition: '!in_range(request.address, "10.0.0.0/8")',
    },
  ],
});

test("a replayed decision counts with the address of its event, and is undetermined where an older event has none", async (t) => {
  const vault = await ClockedVault.open();
  t.after(async () => {
    vault.monitor.close();
    await vault.vault.log.close();
    vault.vault.objects.close();
  });
  const replay = await vault.monitor.parts?.context.policy.replayer(draft);
  const past: PastDecision = {
    sequence: 1,
    time: vault.now,
    principal: "user:alice",
    method: "token",
    operation: "Sign",
    namespace: "default",
    keyId: "ed",
    demands: [],
    allowed: true,
  };
  const decided = async (address?: string): Promise<string | undefined> => {
    const replayed = await replay?.({ ...past, ...(address === undefined ? {} : { address }) });
    return typeof replayed === "string" ? replayed : replayed?.decision;
  };
  assert.deepEqual(
    [await decided("10.1.2.3"), await decided("192.0.2.1"), await decided("::ffff:10.1.2.3"), await decided()],
    ["allow", "deny", "allow", "undetermined"],
  );
});
