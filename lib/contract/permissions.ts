/**
 * Every permission there is. Roles are sets of these; an operation needs exactly one;
 * `key:use_revoked` is needed besides that of the operation, to use what was revoked.
 */
export const PERMISSIONS = Object.freeze([
  "key:create",
  "key:import",
  "key:read",
  "key:rotate",
  "key:destroy",
  "key:activate",
  "key:suspend",
  "key:deactivate",
  "key:revoke",
  "key:rollback",
  "key:update",
  // Tags that a rule looks at: what a tag gives or lifts is not for whoever may edit a key.
  "key:retag",
  // Declaring wrapping keys trusted: under those leave keys that leave under no other.
  "key:trust",
  "key:use_revoked",
  // Making another key of the same material.
  "key:copy",
  "key:wrap",
  "key:unwrap",
  // To whoever the caller names: what is exported under a stranger's public key is the stranger's.
  "key:export",
  "key:export_plain",
  "key:approve_purge",
  "crypto:sign",
  // A digest, or bytes that are signed as they are, say nothing of what is signed: the vault signs blindly.
  "crypto:sign_digest",
  "crypto:verify",
  "crypto:encrypt",
  "crypto:decrypt",
  // Choosing a nonce oneself: one used twice can give away everything a key protects.
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
  "approval:decide",
  "approval:override",
  // One's own keys to sign approvals with.
  "approval:keys",
  "approval:revoke_keys",
  "namespace:create",
  "namespace:read",
  "namespace:update",
  "namespace:suspend",
  "namespace:resume",
  "namespace:delete",
  "budget:read",
  "budget:update",
  "audit:view",
  // Checkpoints, proofs and hashes of the audit log: they say that there are events, and of none what it is.
  "audit:prove",
  // Going on without a damaged part of the audit log, once others agree.
  "audit:acknowledge",
  // Lets one principal hand one operation on one key to another: never more than it holds itself.
  "key:delegate",
  "policy:view",
  "policy:update",
  "identity:read",
  "identity:manage",
  // What everybody may do about themselves: who am I, my sessions, my password, my second factors.
  "identity:self",
  // Held by callers without a credential, and of use to nobody else.
  "session:begin",
  // Certificates and data beside the keys; private ones need one permission more.
  "object:read",
  "object:private",
  "object:write",
  // Tokens of PKCS#11: to see them, and to make and remove them.
  "token:read",
  "token:manage",
  // What a security officer's PIN gives: to set the user PIN of that token.
  "token:pin",
  "status:view",
  "alert:view",
  "vault:unseal",
  "vault:seal",
  "vault:rekey",
  // Policy scripts.
  "script:read",
  "script:update",
  // Where events of the audit log are sent: with audit:view, as whoever sends them could read them.
  "sink:read",
  "sink:manage",
] as const);

export type Permission = (typeof PERMISSIONS)[number];
