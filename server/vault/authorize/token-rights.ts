/**
 * What the two PINs of a token give, in the token's namespace and view: no roles, because nobody else may have them.
 */
import type { Permission } from "@keystead/contract/permissions";

/** Whose PIN it is. */
export type PinRole = "so" | "user";

const ANYBODY: readonly Permission[] = ["token:read", "key:read", "object:read", "status:view", "audit:prove", "identity:self"];

/** What the user of a PKCS#11 token may do. */
const USER: readonly Permission[] = [
  ...ANYBODY,
  "object:private",
  "object:write",
  "key:create",
  "key:import",
  "key:rotate",
  "key:activate",
  "key:deactivate",
  "key:update",
  "key:destroy",
  "key:copy",
  "key:wrap",
  "key:unwrap",
  "key:export",
  "key:export_plain",
  "crypto:sign",
  "crypto:sign_digest",
  "crypto:verify",
  "crypto:encrypt",
  "crypto:decrypt",
  "crypto:caller_nonce",
  "crypto:rewrap",
  "crypto:mac",
  "crypto:verify_mac",
  "crypto:data_key",
  "crypto:hash",
  "crypto:random",
  "crypto:batch",
  "crypto:encapsulate",
  "crypto:decapsulate",
  "crypto:derive",
  "crypto:shared_secret",
  "approval:view",
  "approval:cancel",
];

/** The security officer sets PINs and says which keys are trusted; of key:update and object:write the gate leaves nothing else (token-gate.ts). */
const OFFICER: readonly Permission[] = [...ANYBODY, "token:pin", "key:update", "object:write", "key:trust"];

export const rightsOf = (role: PinRole): readonly Permission[] => (role === "so" ? OFFICER : USER);
