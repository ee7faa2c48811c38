/**
 * Keys and values that the documents name and that have no effect yet. They are refused by name, because a setting
 * that is accepted and does nothing would be a promise nobody keeps. Whoever builds the effect deletes the row.
 */
export interface NotBuilt {
  /** Dotted key; `*` stands for any name. */
  readonly key: string;
  /** Values that do have their effect; without it every value is refused. */
  readonly built?: readonly unknown[];
  readonly problem: string;
  readonly remedy: string;
}

const REMOVE = "remove the key";

export const NOT_BUILT: readonly NotBuilt[] = [
  { key: "security.key_derivation_iterations", problem: "nothing uses PBKDF2 yet; passphrases go through Argon2id", remedy: REMOVE },
  { key: "security.encryption_at_rest", built: [true], problem: "records are always sealed", remedy: "write true, or remove the key" },
  {
    key: "security.encryption_algorithm",
    built: ["aes256gcm"],
    problem: "no other cipher is built",
    remedy: "write aes256gcm, or remove the key",
  },
  { key: "security.audit_log_enabled", built: [true], problem: "no audit, no operation", remedy: "write true, or remove the key" },
  {
    key: "approvals.store",
    built: ["sqlite"],
    problem: "approvals are kept in the key store",
    remedy: "write sqlite where storage.backend is sqlite, or remove the key",
  },
  { key: "metrics.format", built: ["prometheus"], problem: "no other format is built", remedy: "write prometheus, or remove the key" },
];
