/**
 * The first policy of a vault: the document that its configuration names, in force before anybody is let in.
 *
 * It is read when a vault is made and never again. A vault whose process died between its making and this has it at the next
 * start: such a vault has the configuration that it was made with, no policy, and no event of anybody but the server. It
 * must never replace a policy, nor come to a vault that worked without one.
 */
import { HsmError } from "@keystead/contract/errors";
import type { VaultConfig } from "@keystead/contract/config";
import type { Logger } from "@keystead/contract/logging";
import { requirePlaces } from "@keystead/contract/policy/check";
import { parseStrictJson } from "@keystead/contract/json";
import { canonicalJson, type Json } from "@keystead/crypto/formats/canonical-json";
import type { Principal } from "../authenticate/principal.ts";
import type { OpenVault } from "../ceremonies/unseal.ts";
import type { PolicyControl } from "../operations/policy-control.ts";
import { compileDraft } from "./drafts.ts";

export type FirstPolicy = Pick<VaultConfig, "firstPolicyPath" | "firstPolicyText">;

/** What a vault that was just opened is asked. */
export interface Opening {
  readonly vault: Pick<OpenVault, "created" | "note">;
  readonly policy: PolicyControl;
  /** The configuration is the one that the vault was made with. */
  readonly firstConfiguration: boolean;
  /** Whether anybody but the server itself has asked the vault for anything. */
  readonly used: () => Promise<boolean>;
  /** Whose policy it is. */
  readonly author: Principal;
}

const COMMENT = "the first policy";

/** Before a vault is made: it is made with its policy or not at all. @throws {HsmError} INVALID_REQUEST naming file and mistake */
export async function checkFirstPolicy({ firstPolicyPath, firstPolicyText }: FirstPolicy): Promise<void> {
  if (firstPolicyPath === undefined) return;
  if (firstPolicyText === undefined)
    throw new HsmError("INVALID_REQUEST", `security.first_policy_path: ${firstPolicyPath} cannot be read, so no vault is made`);
  try {
    requirePlaces((await compileDraft(firstPolicyText)).document);
  } catch (error) {
    if (!(error instanceof HsmError)) throw error;
    throw new HsmError(error.code, `security.first_policy_path: ${firstPolicyPath}: ${error.detail}`, { cause: error });
  }
}

/** Puts the document in force in a vault that has had none. @throws {HsmError} INVALID_REQUEST; AUDIT_UNAVAILABLE */
export async function putFirstPolicy(first: FirstPolicy, opening: Opening, log: Logger): Promise<void> {
  const { firstPolicyPath: path, firstPolicyText: text } = first;
  if (path === undefined) return;
  const { vault, policy, firstConfiguration, used, author } = opening;
  if (policy.inForce() !== undefined || !(vault.created || (firstConfiguration && !(await used())))) {
    const known = (await policy.version(1))?.document;
    if (text !== undefined && canonical(text) !== known)
      log.warn("security.first_policy_path changes nothing: it is for vaults that are made, and this one is there", { path });
    return;
  }
  await checkFirstPolicy(first);
  const { change } = await policy.prepare(text as string, 0, COMMENT, { principal: author, address: "" });
  if (change === undefined) return;
  try {
    await vault.note("configuration", "SetPolicy", "configuration", change.writes);
  } catch (error) {
    change.settle(false);
    throw error;
  }
  change.settle(true);
}

function canonical(text: string): string | undefined {
  try {
    return canonicalJson(parseStrictJson(Buffer.from(text, "utf8")) as Json);
  } catch {
    return undefined;
  }
}
