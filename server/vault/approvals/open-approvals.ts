/**
 * Dual control over an open vault, as configured.
 *
 * A configuration that waits for its acceptance says nothing here yet: until then rules, override, approver keys and persons
 * are those of the one accepted last. Otherwise whoever can change the file could make himself the one who accepts it.
 */
import { hash } from "node:crypto";
import type { ApprovalsConfig } from "@keystead/contract/config";
import { asHsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import type { UserRecord } from "../authenticate/subjects.ts";
import type { Documents } from "../objects/documents.ts";
import type { CallersKeys } from "../objects/callers-keys.ts";
import type { KeyOwner } from "../objects/session-keys.ts";
import { ApprovalRules, requirePlaces } from "./approval-rules.ts";
import { Approvals, type ApprovalsOptions, type ControlParts } from "./approvals.ts";
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
export function approvalSettings(config: ApprovalsConfig): ApprovalSettings {
  requirePlaces(config.rules);
  return settingsFrom(config);
}

const settingsFrom = (config: ApprovalsConfig): ApprovalSettings => ({
  config,
  rules: new ApprovalRules(config.rules),
  keys: configuredKeys(config.approverKeys),
  version: `configuration:${hash("sha256", JSON.stringify(config), "hex").slice(0, 16)}`,
});

/**
 * The settings in a document of the configuration's history; undefined where it says nothing of dual control.
 *
 * @throws {HsmError} INVALID_REQUEST when they are of a version that knew other rules
 */
export function settingsOf(document: string): ApprovalSettings | undefined {
  const { vault } = JSON.parse(document) as { readonly vault?: { readonly approvals?: Omit<ApprovalsConfig, "override"> } };
  return vault?.approvals === undefined ? undefined : settingsFrom({ override: undefined, ...vault.approvals });
}

/**
 * @param settings which count now; asked anew each time, because an acceptance changes them
 * @param more     what the other rooms have to say: who holds a role where, who somebody is now, and the monitor's entrance
 */
export function openApprovals(
  settings: () => ApprovalSettings,
  vault: {
    readonly documents: Documents;
    readonly keysOf: (owner: KeyOwner) => CallersKeys;
    readonly hierarchy: { readonly vaultId: string };
  },
  log: Logger,
  more: Pick<ApprovalsOptions, "now" | "rolesIn" | "policyVersion" | "recall" | "possible" | "perform">,
): Approvals {
  const { documents, keysOf, hierarchy } = vault;
  const made = new Map<ApprovalSettings, ControlParts>();
  const partsOf = ({ config, rules, keys }: ApprovalSettings): ControlParts => ({
    rules,
    override: config.override === undefined ? null : { ...config.override, rule: "override", reason: "" },
    persons: new Persons(config.persons, (principal) =>
      principal.startsWith("user:") ? documents.get<UserRecord>("user", principal.slice("user:".length))?.value.person : undefined,
    ),
    keys: new ApproverKeys(keys, documents, hierarchy.vaultId, more.now),
  });
  return new Approvals({
    ...more,
    log,
    inForce() {
      const now = settings();
      const known = made.get(now) ?? partsOf(now);
      made.set(now, known);
      return known;
    },
    documents,
    vaultId: hierarchy.vaultId,
    tagsOf: async (namespace, keyId, principal) => {
      try {
        return (await keysOf(principal).describe(namespace, keyId)).attributes.tags;
      } catch (error) {
        // What there is not has no tags, and what is wanted of it is refused when it is performed.
        if (asHsmError(error).code === "OBJECT_NOT_FOUND") return [];
        throw error;
      }
    },
    keepClosedMs: settings().config.keepClosedDays * DAY_MS,
  });
}
