/**
 * The section `approvals`: which requests others must agree to. A rule that would protect nothing (no quorum, no role, no
 * operation) is a mistake here, before anything starts.
 */
import { z } from "zod";
import { mayNeedApproval } from "@keystead/contract/approval-scope";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { ROLES } from "./role-names.ts";
import { KIND, key } from "./value-kinds.ts";

/** Most who can be asked for. */
const MAX_QUORUM = 16;
/** A service is nobody who agrees. */
const approvers = ROLES.filter((role) => role !== "Service");
const holdable = OPERATIONS.filter(mayNeedApproval);

const quorum = KIND.integer(1, MAX_QUORUM);
const roles = z
  .array(z.enum(approvers as [string, ...string[]]))
  .min(1)
  .meta({ expects: `a list of one or more roles out of ${approvers.join(", ")}` });
const operations = z
  .array(z.enum(holdable.map(({ name }) => name) as [string, ...string[]]))
  .min(1)
  .meta({ expects: "a list of operations that can wait, by their names in the reference (DestroyKey, ExportKey, ...)" });
const permissions = z
  .array(z.enum([...new Set(holdable.map(({ permission }) => permission))] as [string, ...string[]]))
  .min(1)
  .meta({ expects: "a list of permissions of operations that can wait (key:destroy, key:export, ...)" });

const rule = z
  .strictObject({
    name: key(KIND.name, "What the rule is called, for approvers and the log."),
    operations: key(operations, "Operations that it holds back.").optional(),
    permissions: key(permissions, "The same by permission: every operation that needs one of these.").optional(),
    namespaces: key(KIND.names, "Namespaces it is about; all without it, and requests about the server.").optional(),
    key_tags: key(KIND.names, "Only keys with one of these tags; changing what is said about such a key is held back too.").optional(),
    quorum: key(quorum, "How many persons must approve; the requester never counts."),
    roles: key(roles, "Roles of which an approver has one, in the namespace of the request."),
    expiry_seconds: key(KIND.seconds, "How long a request may wait; 3600 without it.").optional(),
    reason: key(KIND.text, "Shown to approvers, and part of what they sign.").optional(),
  })
  .refine((entry) => entry.operations !== undefined || entry.permissions !== undefined)
  .meta({ expects: "a rule with name, quorum, roles, and operations or permissions" });

const approverKey = z.strictObject({
  principal: key(KIND.name, "Whose key it is, as the log names principals: cert:alice."),
  public_key: key(
    z.string().min(1).max(8192).meta({ expects: "a public key: PEM, or DER in base64 (Ed25519, P-256 or ML-DSA-65)" }),
    "The public key; its private half stays with the person.",
  ),
});

const override = z.strictObject({
  quorum: key(quorum, "How many must agree to an emergency override."),
  roles: key(roles, "Roles of which each of them has one."),
});

export const approvals = z.strictObject({
  rules: key(
    z.array(rule).meta({ expects: "a list of rules, each with name, quorum, roles, and operations or permissions" }),
    "Requests that others must agree to before they are performed.",
  ),
  override: override.optional(),
  approver_keys: key(
    z.array(approverKey).meta({ expects: "a list of keys, each with principal and public_key" }),
    "Approver keys that count from the start, besides those that are registered.",
  ),
  persons: key(
    z.record(z.string().regex(/^[A-Za-z0-9._@-]{1,128}$/), KIND.names).meta({ expects: "a list of principals per person" }),
    "Persons with several principals: the same person counts once, however often logged in.",
  ),
  keep_closed_days: key(KIND.integer(1, 36_500), "How long closed requests are kept, in days."),
  new_keys_staged: key(KIND.boolean, "Whether every new key waits for ActivateKey, whatever the request says."),
  store: key(
    KIND.name,
    "Where approvals are kept; they are in the key store, so only sqlite with storage.backend: sqlite is accepted.",
  ).optional(),
});
