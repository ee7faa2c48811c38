/**
 * The three presets, as data: what every key is when nobody sets it. `config/<preset>.yaml` is written from these.
 *
 * development: one machine, unseals itself, makes its own certificates, plaintext on loopback. production: nothing is
 * invented, every secret and certificate must be named. test: in memory, system-chosen ports.
 */
import type { Preset } from "@keystead/contract/config";
import type { Tree } from "./tree.ts";

const BASE: Tree = {
  server: {
    host: "0.0.0.0",
    port: 50051,
    grpc_enabled: true,
    api_port: 8443,
    api_enabled: true,
    health_host: "0.0.0.0",
    health_port: 8080,
    health_enabled: true,
    max_connections: 1000,
    timeout_seconds: 30,
    body_bytes: 10_485_760,
    max_in_flight: 4096,
    tls_enabled: true,
    tls_reload_seconds: 60,
    client_auth: "required",
  },
  storage: {
    backend: "sqlite",
    data_dir: "/var/lib/hsm",
    cache_size_bytes: 104_857_600,
    wal_enabled: true,
    sync_mode: "full",
    shred_iterations: 0,
  },
  security: {
    encryption_at_rest: true,
    encryption_algorithm: "aes256gcm",
    audit_log_enabled: true,
    audit_log_path: "/var/log/hsm/audit.log",
    require_accepted_config: true,
    require_strong_passwords: true,
    min_password_length: 12,
    session_timeout_seconds: "1h",
    access_token_seconds: "5m",
    max_auth_attempts: 5,
    lockout_duration_seconds: "5m",
  },
  unseal: {},
  auth: {
    jwt: { key_sets: [], reload_seconds: 30, refresh_seconds: "1h", stale_seconds: "6h", unknown_kid_seconds: 30 },
    oidc: { providers: [] },
    certificates: [],
    revocation: { crl_paths: [], crl_urls: [], ocsp_keep_seconds: "10m", reload_seconds: 60, unknown: "refuse" },
  },
  connector: { allowed_addresses: [], timeout_seconds: 5 },
  crypto: { rsa_pkcs1_decryption: false, weaker_wrapping: false, pool_jobs: 0 },
  lifecycle: {
    destruction_delay_seconds: "7d",
    min_destruction_delay_seconds: 0,
    namespace_deletion_delay_seconds: "30d",
    min_namespace_deletion_delay_seconds: "24h",
    purge_grace_seconds: "24h",
    retention: [
      { tag: "operational.default", keep: "180d" },
      { tag: "operational.critical", keep: "365d" },
      { tag: "compliance.sox", keep: "2557d" },
      { tag: "test.ephemeral", keep: "30d" },
    ],
    interval_seconds: 10,
  },
  limits: {
    principal_per_second: 100,
    principal_burst: 200,
    address_per_second: 20,
    address_burst: 100,
    namespace_per_second: 1000,
    namespace_burst: 2000,
    in_flight_each: 1024,
  },
  scripts: { enabled: true },
  audit: {
    checkpoint_events: 1000,
    checkpoint_seconds: "1m",
    segment_seconds: "1d",
    witnesses: [],
    store: "files",
    archive_after_days: 90,
    break_approvals: 2,
    max_streams: 64,
  },
  sinks: { enabled: true },
  pkcs11: { session_keys: 1000, session_key_idle_seconds: 3600 },
  approvals: { rules: [], approver_keys: [], persons: {}, keep_closed_days: 90, new_keys_staged: false },
  logging: {
    level: "info",
    format: "json",
    output: "both",
    file_path: "/var/log/hsm/hsm.log",
    max_file_size_bytes: 104_857_600,
    max_backup_files: 10,
  },
  metrics: {
    enabled: true,
    format: "prometheus",
    listen_addr: "0.0.0.0",
    listen_port: 9090,
    collection_interval_seconds: 60,
    legacy_names: false,
    enable_histograms: true,
    histogram_buckets: [0.001, 0.01, 0.1, 1, 10],
  },
  alerts: {
    enabled: true,
    interval_seconds: 10,
    hold_seconds: 60,
    latency_seconds: "500ms",
    error_rate: 0.01,
    saturation: 0.8,
    disk_free: 0.1,
    failed_logins_per_minute: 30,
    certificate_seconds: "14d",
    key_seconds: "14d",
  },
  telemetry: { traces: true, metrics: true, sample_ratio: 1, interval_seconds: 10, names: false },
  namespaces: { default: { description: "Default namespace", max_keys: 10_000, access_control: { allowed_ips: [], denied_ips: [] } } },
  development: { plaintext: false, principal: "development" },
};

/** Issuer and audience of tokens signed by the key that provisioning makes. */
export const LOCAL_TOKENS = { issuer: "keystead-local", audience: "keystead" } as const;

/** Files below the data folder that provisioning makes and the presets point at. */
export const PROVISIONED_FILES = {
  authority: "tls/ca.pem",
  serverCertificate: "tls/server.pem",
  serverKey: "tls/server-key.pem",
  masterKey: "unseal/master.key",
  keySet: "auth/jwks.json",
} as const;

/** What development and test share: files that provisioning makes below the data folder. */
const PROVISIONED: Tree = {
  server: {
    host: "127.0.0.1",
    health_host: "127.0.0.1",
    client_auth: "optional",
    tls_cert_path: `{data_dir}/${PROVISIONED_FILES.serverCertificate}`,
    tls_key_path: `{data_dir}/${PROVISIONED_FILES.serverKey}`,
    tls_ca_cert_path: `{data_dir}/${PROVISIONED_FILES.authority}`,
  },
  security: { audit_log_path: "{data_dir}/audit", require_accepted_config: false, require_strong_passwords: false, min_password_length: 4 },
  unseal: { master_key: `file:{data_dir}/${PROVISIONED_FILES.masterKey}` },
  auth: {
    jwt: {
      key_sets: [
        {
          path: `{data_dir}/${PROVISIONED_FILES.keySet}`,
          ...LOCAL_TOKENS,
          leeway_seconds: 60,
          allowed_roles: ["Administrator", "NamespaceAdmin", "Operator", "KeyAdmin", "KeyUser", "Service", "Auditor"],
          namespaces: ["*"],
        },
      ],
    },
    certificates: [{ common_name: "admin", principal: "admin", roles: ["Administrator"], namespaces: ["*"] }],
  },
  lifecycle: { min_namespace_deletion_delay_seconds: 0 },
  // Nobody is kept out of a machine of their own.
  limits: { principal_per_second: 0, address_per_second: 0, namespace_per_second: 0 },
  logging: { output: "console", file_path: "{data_dir}/logs/hsm.log" },
  metrics: { listen_addr: "127.0.0.1" },
};

/** Preset layers, lowest first. */
export const PRESET_LAYERS: Readonly<Record<Preset, readonly Tree[]>> = {
  production: [
    BASE,
    {
      preset: "production",
      server: {
        tls_cert_path: "/etc/hsm/server-cert.pem",
        tls_key_path: "/etc/hsm/server-key.pem",
        tls_ca_cert_path: "/etc/hsm/ca-cert.pem",
      },
    },
  ],
  development: [
    BASE,
    PROVISIONED,
    { preset: "development", storage: { data_dir: "./data" }, logging: { format: "pretty" }, development: { plaintext: true } },
  ],
  test: [
    BASE,
    PROVISIONED,
    {
      preset: "test",
      server: { port: 0, api_port: 0, health_port: 0 },
      storage: { backend: "memory", data_dir: "./data/test", sync_mode: "none" },
      logging: { level: "warn" },
      metrics: { listen_port: 0 },
    },
  ],
};
