import { HsmError } from "@keystead/contract/errors";
import { diffPolicy as operation } from "@keystead/contract/operations/diff-policy";
import { handler } from "./handler.ts";
import { textOf } from "./policy-message.ts";

/** What changed, or would change, rule by rule. */
export const diffPolicy = handler(operation, async ({ principal, request }, { policy }) => {
  const { fromVersion, toVersion, document } = request;
  if (document !== "" && toVersion !== 0) throw new HsmError("INVALID_REQUEST", "to_version and document exclude each other");
  const differences = await policy.oneAtATime(principal.id, async () =>
    policy.differences(await textOf(policy, fromVersion), document === "" ? await textOf(policy, toVersion) : document),
  );
  return { reply: { differences: [...differences] } };
});
