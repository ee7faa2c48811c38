/** Dual control over an open vault, as configured. */
import { hash } from "node:crypto";
import type { ApprovalsConfig } from "@keystead/contract/config";
import { asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { UserRecord } from "../authenticate/subjects.ts";
import type { Documents } from "../objects/documents.ts";
import type { Objects } from "../objects/objects.ts";
import { ApprovalRules } from "./approval-rules.ts";
import { Approvals, type ApprovalsOptions } from "./approvals.ts";
import { ApproverKeys, configuredKeys, type RegisteredKey } from "./approver-keys.ts";
import { Persons } from "./persons.ts";

/** The configured part, checked before anything is opened. */
export interface ApprovalSettings {
  readonly config: ApprovalsConfig;
  readonly rules: ApprovalRules;
  readonly keys: ReadonlyMap<string, RegisteredKey>;
  /** Names this configuration: a digest of it. */
  readonly version: string;
}

const DAY_MS = 86_400_000;

/** @throws {HsmError} INVALID_REQUEST for a rule that protects nothing, or a key that is none */
export const approvalSettings = (config: ApprovalsConfig): ApprovalSettings => ({
  config,
  rules: new ApprovalRules(config.rules),
  keys: configuredKeys(config.approverKeys),
  version: `configuration:${hash("sha256", JSON.stringify(config), "hex").slice(0, 16)}`,
});

/** @param more what the other rooms have to say: who holds a role where, who somebody is now, and the monitor's entrance */
export function openApprovals(
  { config, rules, keys }: ApprovalSettings,
  vault: { readonly documents: Documents; readonly objects: Objects; readonly hierarchy: { readonly vaultId: string } },
  log: Logger,
  more: Pick<ApprovalsOptions, "now" | "rolesIn" | "policyVersion" | "recall" | "perform">,
): Approvals {
  const { documents, objects, hierarchy } = vault;
  return new Approvals({
    ...more,
    log,
    rules,
    override: config.override === undefined ? null : { ...config.override, rule: "override", reason: "" },
    persons: new Persons(config.persons, (principal) =>
      principal.startsWith("user:") ? documents.get<UserRecord>("user", principal.slice("user:".length))?.value.person : undefined,
    ),
    keys: new ApproverKeys(keys, documents, hierarchy.vaultId, more.now),
    documents,
    vaultId: hierarchy.vaultId,
    tagsOf: async (namespace, keyId) => {
      try {
        return (await objects.describe(namespace, keyId)).attributes.tags;
      } catch (error) {
        // What there is not has no tags, and what is wanted of it is refused when it is performed.
        if (asHsmError(error).code === "OBJECT_NOT_FOUND") return [];
        throw error;
      }
    },
    keepClosedMs: config.keepClosedDays * DAY_MS,
  });
}
