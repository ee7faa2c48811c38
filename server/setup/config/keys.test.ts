/**
 * Every key of the schema has a row here that changes it and observes the effect in the effective configuration,
 * or the refusal by name. A key without a row fails the suite.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { EffectiveConfig } from "@keystead/contract/config";
import { ensureAuthority } from "../provision/local-authority.ts";
import { loadConfig } from "./load.ts";
import { NOT_BUILT } from "./not-built.ts";
import { allKeys } from "./schema-walk.ts";

const folder = mkdtempSync(join(tmpdir(), "keystead-keys-"));
after(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "secret"), "hex:00");
mkdirSync(join(folder, "data"));
await ensureAuthority({ certPath: join(folder, "data/c.pem"), keyPath: join(folder, "data/k.pem") });
copyFileSync(join(folder, "data/c.pem"), join(folder, "data/a.pem"));
writeFileSync(join(folder, "data/k.json"), '{"keys":[]}');
writeFileSync(join(folder, "data/retention.yaml"), "default_days: 1\n");

/** Key, other keys it needs, value, how to see it, what is seen. */
interface Row {
  readonly key: string;
  readonly value: string;
  readonly sees: (config: EffectiveConfig) => unknown;
  readonly expected: unknown;
  readonly with?: readonly string[];
}

const row = (key: string, value: string, sees: Row["sees"], expected: unknown, needs: readonly string[] = []): Row => ({
  key,
  value,
  sees,
  expected,
  with: needs,
});
const TELEMETRY = ["telemetry.endpoint=https://c.example:4318"];
const WEBAUTHN = ["auth.webauthn.rp_id=a.example.com", "auth.webauthn.origins=https://a.example.com"];
const NO_PLAINTEXT = ["development.plaintext=false"];
const SET = (entry: string) => `[{path: "{data_dir}/k.json", issuer: i, audience: a, ${entry}}]`;
const SET_AT = (entry: string) => `[{url: "https://idp.example/keys", issuer: i, audience: a, ${entry}}]`;
const BOUND = "bound_claims: [{claim: repository, value: o/r}]";
const PROVIDER = (entry: string) =>
  `[{issuer: "https://idp.example", client_id: c, mappings: [{claim: groups, value: g, roles: [Auditor], namespaces: ["*"]}], ${entry}}]`;
const provider = (config: EffectiveConfig) => config.vault.auth.oidcProviders[0];
const CERTIFICATE = (entry: string) => `[{common_name: c, principal: p, roles: [], namespaces: [], ${entry}}]`;
const keySets = (config: EffectiveConfig) => config.vault.auth.keySets;
const fetching = ({ connectors }: EffectiveConfig) => connectors.find((one) => one.name === "fetch");
const delivering = ({ connectors }: EffectiveConfig) => connectors.find((one) => one.name === "deliver");
const bindings = (config: EffectiveConfig) => config.vault.auth.certificates;

const WITNESS = `witness.example+0123abcd+BA${"A".repeat(42)}`;

const RULE = (about: string) => `{ name: r, ${about}, quorum: 2, roles: [Operator] }`;
const rulesOf = (config: EffectiveConfig) => config.vault.approvals.rules;

const ROWS: readonly Row[] = [
  row("preset", "test", (c) => [c.gateway.preset, c.vault.preset, c.vault.storage.backend], ["test", "test", "memory"]),
  row("server.host", "0.0.0.0", (c) => c.gateway.api?.host, "0.0.0.0"),
  row("server.port", "1234", (c) => c.gateway.grpc?.port, 1234, NO_PLAINTEXT),
  row("server.grpc_enabled", "false", (c) => c.gateway.developmentGrpc, undefined),
  row("server.api_port", "1234", (c) => c.gateway.api?.port, 1234),
  row("server.api_enabled", "false", (c) => c.gateway.api, undefined),
  row("server.unix_socket", "{data_dir}/run/api.sock", (c) => c.gateway.unixSocket, join(folder, "data/run/api.sock")),
  row("server.health_host", "::1", (c) => c.gateway.health?.host, "::1"),
  row("server.health_port", "1234", (c) => c.gateway.health?.port, 1234),
  row("server.health_enabled", "false", (c) => c.gateway.health, undefined),
  row("server.max_connections", "7", (c) => c.gateway.limits.maxConnections, 7),
  row("server.timeout_seconds", "500ms", (c) => c.gateway.limits.requestTimeoutSeconds, 0.5),
  row("server.body_bytes", "2048", (c) => c.gateway.limits.bodyBytes, 2048),
  row("server.max_in_flight", "9", (c) => [c.gateway.limits.maxInFlight, c.vault.limits.maxInFlight], [9, 9]),
  row("server.tls_enabled", "false", (c) => [c.gateway.tls, c.gateway.api, c.vault.auth.caPath], [undefined, undefined, undefined]),
  row("server.tls_cert_path", "{data_dir}/c.pem", (c) => c.gateway.tls?.certPath, join(folder, "data/c.pem")),
  row("server.tls_key_path", "{data_dir}/k.pem", (c) => c.gateway.tls?.keyPath, join(folder, "data/k.pem")),
  row("server.tls_ca_cert_path", "{data_dir}/a.pem", (c) => [c.gateway.tls?.caPath, c.vault.auth.caPath], [
    join(folder, "data/a.pem"),
    join(folder, "data/a.pem"),
  ]),
  row("server.tls_reload_seconds", "2h", (c) => [c.gateway.tls?.reloadSeconds, c.vault.auth.caReloadSeconds], [7200, 7200]),
  row("server.client_auth", "none", (c) => [c.gateway.api?.clientAuth, c.gateway.grpc?.clientAuth], ["none", "none"], NO_PLAINTEXT),
  row(
    "server.api_client_auth",
    "required",
    (c) => [c.gateway.api?.clientAuth, c.gateway.grpc?.clientAuth],
    ["required", "optional"],
    NO_PLAINTEXT,
  ),
  row(
    "server.grpc_client_auth",
    "required",
    (c) => [c.gateway.api?.clientAuth, c.gateway.grpc?.clientAuth],
    ["optional", "required"],
    NO_PLAINTEXT,
  ),
  row("storage.backend", "encrypted_file", (c) => c.vault.storage.backend, "filesystem"),
  row("storage.sqlite_path", "{data_dir}/db/k.db", (c) => c.vault.storage.sqlitePath, join(folder, "data/db/k.db")),
  row("storage.data_dir", "elsewhere", (c) => [c.vault.dataDir, c.vault.audit.path], [
    join(folder, "elsewhere"),
    join(folder, "elsewhere/audit"),
  ]),
  row("storage.cache_size_bytes", "4096", (c) => c.vault.storage.cacheSizeBytes, 4096),
  row("storage.wal_enabled", "false", (c) => c.vault.storage.wal, false),
  row("storage.shred_iterations", "3", (c) => c.vault.storage.shredIterations, 3, ["storage.backend=filesystem"]),
  row("storage.sync_mode", "normal", (c) => [c.vault.storage.syncMode, c.vault.audit.syncMode], ["normal", "normal"]),
  row("security.audit_log_path", "log", (c) => c.vault.audit.path, join(folder, "log")),
  row("security.audit_sync_mode", "none", (c) => [c.vault.storage.syncMode, c.vault.audit.syncMode], ["full", "none"]),
  row("security.require_accepted_config", "true", (c) => c.vault.requireAcceptedConfig, true),
  row("security.first_policy_path", "{data_dir}/first.json", (c) => c.vault.firstPolicyPath, join(folder, "data/first.json")),
  row("security.require_strong_passwords", "true", (c) => c.vault.requireStrongPassphrase, true),
  row("security.min_password_length", "20", (c) => c.vault.minPassphraseLength, 20),
  row("unseal.method", "none", (c) => c.vault.unseal, { method: "none" }),
  row("unseal.master_key", "file:secret", (c) => c.vault.unseal, {
    method: "key",
    masterKey: `file:${join(folder, "secret")}`,
    hmacKey: undefined,
  }),
  row("unseal.passphrase", "fd:5", (c) => c.vault.unseal, { method: "passphrase", passphrase: "fd:5", hmacKey: undefined }),
  row("unseal.hmac_key", "file:secret", (c) => c.vault.unseal.method === "key" && c.vault.unseal.hmacKey, `file:${join(folder, "secret")}`),
  row("auth.jwt.key_sets", "[]", keySets, []),
  row("auth.jwt.key_sets[].path", SET(""), (c) => keySets(c)[0]?.path, join(folder, "data/k.json")),
  row("auth.jwt.key_sets[].issuer", SET("").replace("issuer: i", "issuer: other"), (c) => keySets(c)[0]?.issuer, "other"),
  row("auth.jwt.key_sets[].audience", SET("").replace("audience: a", "audience: other"), (c) => keySets(c)[0]?.audience, "other"),
  row("auth.jwt.key_sets[].leeway_seconds", SET("leeway_seconds: 5m"), (c) => keySets(c)[0]?.leewaySeconds, 300),
  row("auth.jwt.key_sets[].allowed_roles", SET("allowed_roles: [Auditor]"), (c) => keySets(c)[0]?.allowedRoles, ["Auditor"]),
  row("auth.jwt.key_sets[].namespaces", SET("namespaces: [x]"), (c) => keySets(c)[0]?.namespaces, ["x"]),
  row("auth.jwt.key_sets[].url", SET_AT(""), (c) => [keySets(c)[0]?.url, fetching(c)?.origins], [
    "https://idp.example/keys",
    ["https://idp.example"],
  ]),
  row("auth.jwt.key_sets[].bound_claims", SET(BOUND), (c) => keySets(c)[0]?.boundClaims, [{ claim: "repository", oneOf: ["o/r"] }]),
  row(
    "auth.jwt.key_sets[].bound_claims[].claim",
    SET(BOUND.replace("repository", "ref")),
    (c) => keySets(c)[0]?.boundClaims?.[0]?.claim,
    "ref",
  ),
  row("auth.jwt.key_sets[].bound_claims[].value", SET(BOUND.replace("o/r", "o/s")), (c) => keySets(c)[0]?.boundClaims, [
    { claim: "repository", oneOf: ["o/s"] },
  ]),
  row("auth.jwt.key_sets[].bound_claims[].one_of", SET(BOUND.replace("value: o/r", "one_of: [a, b]")), (c) => keySets(c)[0]?.boundClaims, [
    { claim: "repository", oneOf: ["a", "b"] },
  ]),
  row("auth.jwt.key_sets[].bound_claims[].prefix", SET(BOUND.replace("value: o/r", "prefix: o/")), (c) => keySets(c)[0]?.boundClaims, [
    { claim: "repository", prefix: "o/" },
  ]),
  row("auth.jwt.key_sets[].roles", SET(`${BOUND}, roles: [KeyUser]`), (c) => keySets(c)[0]?.roles, ["KeyUser"]),
  row("auth.jwt.key_sets[].require_jti", SET("require_jti: false"), (c) => keySets(c)[0]?.requireJti, false),
  row("auth.jwt.refresh_seconds", "5m", (c) => c.vault.auth.keyFetch.refreshSeconds, 300),
  row("auth.jwt.stale_seconds", "5m", (c) => c.vault.auth.keyFetch.staleSeconds, 300),
  row("auth.jwt.unknown_kid_seconds", "5m", (c) => c.vault.auth.keyFetch.unknownKidSeconds, 300),
  row("auth.oidc.providers", PROVIDER(""), (c) => [provider(c), fetching(c)?.origins], [
    {
      issuer: "https://idp.example",
      clientId: "c",
      leewaySeconds: 60,
      boundClaims: [],
      mappings: [{ claim: "groups", oneOf: ["g"], roles: ["Auditor"], namespaces: ["*"] }],
    },
    ["https://idp.example"],
  ]),
  row(
    "auth.oidc.providers[].issuer",
    PROVIDER("").replace("idp.example", "other.example"),
    (c) => provider(c)?.issuer,
    "https://other.example",
  ),
  row("auth.oidc.providers[].client_id", PROVIDER("").replace("client_id: c", "client_id: d"), (c) => provider(c)?.clientId, "d"),
  row("auth.oidc.providers[].audience", PROVIDER("audience: a"), (c) => provider(c)?.audience, "a"),
  row("auth.oidc.providers[].origins", PROVIDER('origins: ["https://keys.example/x"]'), (c) => fetching(c)?.origins, [
    "https://idp.example",
    "https://keys.example",
  ]),
  row("auth.oidc.providers[].leeway_seconds", PROVIDER("leeway_seconds: 5"), (c) => provider(c)?.leewaySeconds, 5),
  ...["", "[].claim", "[].one_of", "[].prefix", "[].value"].map((name) =>
    row(
      `auth.oidc.providers[].bound_claims${name}`,
      PROVIDER("bound_claims: [{claim: hd, value: x.org}, {claim: tid, one_of: [a, b]}, {claim: sub, prefix: a/}]"),
      (c) => provider(c)?.boundClaims,
      [
        { claim: "hd", oneOf: ["x.org"] },
        { claim: "tid", oneOf: ["a", "b"] },
        { claim: "sub", prefix: "a/" },
      ],
    ),
  ),
  ...["", "[].claim", "[].one_of", "[].value", "[].roles", "[].namespaces"].map((name) =>
    row(
      `auth.oidc.providers[].mappings${name}`,
      PROVIDER("").replace(
        "{claim: groups",
        "{claim: admin, value: true, roles: [Operator], namespaces: [x]}, {claim: h, one_of: [i, j], roles: [], namespaces: []}, {claim: groups",
      ),
      (c) => provider(c)?.mappings.slice(0, 2),
      [
        { claim: "admin", oneOf: [true], roles: ["Operator"], namespaces: ["x"] },
        { claim: "h", oneOf: ["i", "j"], roles: [], namespaces: [] },
      ],
    ),
  ),
  row(
    "connector.ca_path",
    "{data_dir}/c.pem",
    (c) => [fetching(c)?.caPath, delivering(c)?.caPath],
    [join(folder, "data/c.pem"), join(folder, "data/c.pem")],
    [`auth.jwt.key_sets=${SET_AT("")}`],
  ),
  row(
    "connector.allowed_addresses",
    "127.0.0.1",
    (c) => [fetching(c)?.allowedAddresses, delivering(c)?.allowedAddresses],
    [["127.0.0.1"], ["127.0.0.1"]],
    [`auth.jwt.key_sets=${SET_AT("")}`],
  ),
  row("connector.timeout_seconds", "7", (c) => c.vault.auth.keyFetch.timeoutSeconds, 7),
  row("auth.jwt.reload_seconds", "90", (c) => c.vault.auth.keySetReloadSeconds, 90),
  row("auth.certificates", "[]", bindings, []),
  row("auth.certificates[].common_name", CERTIFICATE(""), (c) => bindings(c)[0]?.match, { commonName: "c" }),
  row(
    "auth.certificates[].fingerprint_sha256",
    CERTIFICATE("").replace("common_name: c", `fingerprint_sha256: "${"AB:".repeat(31)}AB"`),
    (c) => bindings(c)[0]?.match,
    { fingerprintSha256: "ab".repeat(32) },
  ),
  row("auth.certificates[].san_uri", CERTIFICATE("").replace("common_name: c", "san_uri: spiffe://x/y"), (c) => bindings(c)[0]?.match, {
    sanUri: "spiffe://x/y",
  }),
  row(
    "auth.certificates[].principal",
    CERTIFICATE("").replace("principal: p", "principal: other"),
    (c) => bindings(c)[0]?.principal,
    "other",
  ),
  row("auth.certificates[].roles", CERTIFICATE("").replace("roles: []", "roles: [KeyUser]"), (c) => bindings(c)[0]?.roles, ["KeyUser"]),
  row("auth.certificates[].namespaces", CERTIFICATE("").replace("namespaces: []", "namespaces: [x]"), (c) => bindings(c)[0]?.namespaces, [
    "x",
  ]),
  ...(
    [
      ["subject", '"CN=c,O=Example"', { subject: "CN=c,O=Example" }],
      ["san_dns", "a.example.org", { sanDns: "a.example.org" }],
      ["san_email", "a@example.org", { sanEmail: "a@example.org" }],
      ["spiffe_id", "spiffe://example.org/a", { spiffeId: "spiffe://example.org/a" }],
    ] as const
  ).map(([name, value, match]) =>
    row(`auth.certificates[].${name}`, CERTIFICATE("").replace("common_name: c", `${name}: ${value}`), (c) => bindings(c)[0]?.match, match),
  ),
  row("auth.revocation.crl_paths", '["{data_dir}/k.json"]', (c) => c.vault.auth.revocation.crlPaths, [join(folder, "data/k.json")]),
  row("auth.revocation.crl_urls", '["http://ca.example/a.crl"]', (c) => [c.vault.auth.revocation.crlUrls, fetching(c)?.origins], [
    ["http://ca.example/a.crl"],
    ["http://ca.example"],
  ]),
  row("auth.revocation.ocsp_url", "http://ca.example/ocsp", (c) => [c.vault.auth.revocation.ocspUrl, fetching(c)?.origins], [
    "http://ca.example/ocsp",
    ["http://ca.example"],
  ]),
  row("auth.revocation.ocsp_keep_seconds", "1m", (c) => c.vault.auth.revocation.ocspKeepSeconds, 60),
  row("auth.revocation.reload_seconds", "5m", (c) => c.vault.auth.revocation.reloadSeconds, 300),
  row("auth.revocation.unknown", "accept", (c) => c.vault.auth.revocation.unknown, "accept"),
  row("crypto.rsa_pkcs1_decryption", "true", (c) => c.vault.rsaPkcs1Decryption, true),
  row("crypto.weaker_wrapping", "true", (c) => c.vault.weakerWrapping, true),
  row("crypto.hardware_random", "/dev/urandom", (c) => c.vault.hardwareRandomPath, "/dev/urandom"),
  row("crypto.pool_jobs", "77", (c) => c.vault.limits.poolJobs, 77),
  row("lifecycle.destruction_delay_seconds", "30d", (c) => c.vault.lifecycle.destructionDelaySeconds, 2_592_000),
  row("lifecycle.min_destruction_delay_seconds", "1d", (c) => c.vault.lifecycle.minDestructionDelaySeconds, 86_400),
  row("lifecycle.namespace_deletion_delay_seconds", "31d", (c) => c.vault.lifecycle.namespaceDeletionDelaySeconds, 2_678_400),
  row("lifecycle.min_namespace_deletion_delay_seconds", "1d", (c) => c.vault.lifecycle.minNamespaceDeletionDelaySeconds, 86_400),
  row("lifecycle.purge_grace_seconds", "2h", (c) => c.vault.lifecycle.purgeGraceSeconds, 7200),
  row("lifecycle.retention", "[{ tag: a, keep: 3d }]", (c) => c.vault.lifecycle.retention, [{ tag: "a", keepSeconds: 259_200 }]),
  row("lifecycle.retention_file", "{data_dir}/retention.yaml", (c) => c.vault.lifecycle.retentionFile, {
    defaultSeconds: 86_400,
    tags: [],
    overrides: [],
    namespaces: {},
  }),
  row("lifecycle.retention[].tag", "[{ tag: b, keep: 3d }]", (c) => c.vault.lifecycle.retention[0]?.tag, "b"),
  row("lifecycle.retention[].keep", "[{ tag: b, keep: 4d }]", (c) => c.vault.lifecycle.retention[0]?.keepSeconds, 345_600),
  row("lifecycle.interval_seconds", "2", (c) => c.vault.lifecycle.intervalSeconds, 2),
  row("limits.principal_per_second", "7", (c) => c.vault.limits.rates.principal.perSecond, 7),
  row("limits.principal_burst", "8", (c) => c.vault.limits.rates.principal.burst, 8),
  row("limits.address_per_second", "9", (c) => c.vault.limits.rates.address.perSecond, 9),
  row("limits.address_burst", "11", (c) => c.vault.limits.rates.address.burst, 11),
  row("limits.namespace_per_second", "12", (c) => c.vault.limits.rates.namespace.perSecond, 12),
  row("limits.namespace_burst", "13", (c) => c.vault.limits.rates.namespace.burst, 13),
  row("limits.in_flight_each", "14", (c) => c.vault.limits.rates.inFlightEach, 14),
  row("audit.origin", "example.com/log", (c) => c.vault.audit.origin, "example.com/log"),
  row("audit.checkpoint_events", "7", (c) => c.vault.audit.checkpointEvents, 7),
  row("audit.checkpoint_seconds", "7s", (c) => c.vault.audit.checkpointSeconds, 7),
  row("audit.segment_seconds", "1h", (c) => c.vault.audit.segmentSeconds, 3600),
  row("scripts.enabled", "false", (c) => c.vault.scripts.enabled, false),
  row("pkcs11.session_keys", "7", (c) => c.vault.sessionKeys.most, 7),
  row("pkcs11.session_key_idle_seconds", "2m", (c) => c.vault.sessionKeys.idleSeconds, 120),
  row("sinks.enabled", "false", (c) => [c.vault.sinks.enabled, delivering(c) === undefined], [false, true]),
  row("sinks.files_dir", "{data_dir}/events", (c) => delivering(c)?.filesDir, join(folder, "data/events")),
  row("approvals.rules", `[${RULE("operations: [DestroyKey]")}]`, (c) => c.vault.approvals.rules, [
    {
      name: "r",
      operations: ["DestroyKey"],
      permissions: [],
      namespaces: [],
      keyTags: [],
      quorum: 2,
      roles: ["Operator"],
      expirySeconds: 3600,
      reason: "",
    },
  ]),
  row("approvals.rules[].name", `[${RULE("operations: [DestroyKey]").replace("name: r", "name: q")}]`, (c) => rulesOf(c)[0]?.name, "q"),
  row("approvals.rules[].operations", `[${RULE("operations: [ExportKey]")}]`, (c) => rulesOf(c)[0]?.operations, ["ExportKey"]),
  row("approvals.rules[].permissions", `[${RULE("permissions: [key:export]")}]`, (c) => rulesOf(c)[0]?.permissions, ["key:export"]),
  row("approvals.rules[].namespaces", `[${RULE("permissions: [key:export], namespaces: [a]")}]`, (c) => rulesOf(c)[0]?.namespaces, ["a"]),
  row("approvals.rules[].key_tags", `[${RULE("permissions: [key:export], key_tags: [a]")}]`, (c) => rulesOf(c)[0]?.keyTags, ["a"]),
  row(
    "approvals.rules[].quorum",
    `[${RULE("permissions: [key:export]").replace("quorum: 2", "quorum: 3")}]`,
    (c) => rulesOf(c)[0]?.quorum,
    3,
  ),
  row("approvals.rules[].roles", `[${RULE("permissions: [key:export]").replace("Operator", "Auditor")}]`, (c) => rulesOf(c)[0]?.roles, [
    "Auditor",
  ]),
  row(
    "approvals.rules[].expiry_seconds",
    `[${RULE("permissions: [key:export], expiry_seconds: 5m")}]`,
    (c) => rulesOf(c)[0]?.expirySeconds,
    300,
  ),
  row("approvals.rules[].reason", `[${RULE("permissions: [key:export], reason: why")}]`, (c) => rulesOf(c)[0]?.reason, "why"),
  row("approvals.override.quorum", "3", (c) => c.vault.approvals.override?.quorum, 3, [
    "approvals.override={quorum: 2, roles: [Operator]}",
  ]),
  row(
    "approvals.override.roles",
    "[Auditor]",
    (c) => c.vault.approvals.override?.roles,
    ["Auditor"],
    ["approvals.override={quorum: 2, roles: [Operator]}"],
  ),
  row("approvals.approver_keys", "[{ principal: cert:a, public_key: AAAA }]", (c) => c.vault.approvals.approverKeys, [
    { principal: "cert:a", publicKey: "AAAA" },
  ]),
  row(
    "approvals.approver_keys[].principal",
    "[{ principal: cert:b, public_key: AAAA }]",
    (c) => c.vault.approvals.approverKeys[0]?.principal,
    "cert:b",
  ),
  row(
    "approvals.approver_keys[].public_key",
    "[{ principal: cert:b, public_key: BBBB }]",
    (c) => c.vault.approvals.approverKeys[0]?.publicKey,
    "BBBB",
  ),
  row("approvals.persons", "{ alice: [cert:alice, user:alice] }", (c) => c.vault.approvals.persons, {
    alice: ["cert:alice", "user:alice"],
  }),
  row("approvals.keep_closed_days", "30", (c) => c.vault.approvals.keepClosedDays, 30),
  row("approvals.new_keys_staged", "true", (c) => c.vault.approvals.newKeysStaged, true),
  row("logging.level", "trace", (c) => [c.gateway.logLevel, c.vault.logLevel, c.logging.level], ["trace", "trace", "trace"]),
  row("logging.format", "json", (c) => c.logging.format, "json"),
  row("logging.output", "both", (c) => c.logging.output, "both"),
  row("logging.file_path", "x.log", (c) => c.logging.filePath, join(folder, "x.log")),
  row("logging.max_file_size_bytes", "5000", (c) => c.logging.maxFileSizeBytes, 5000),
  row("logging.max_backup_files", "3", (c) => c.logging.maxBackupFiles, 3),
  row("metrics.enabled", "false", (c) => c.gateway.metrics, undefined),
  row("metrics.listen_addr", "::1", (c) => c.gateway.metrics?.host, "::1"),
  row("metrics.listen_port", "1234", (c) => c.gateway.metrics?.port, 1234),
  row("metrics.collection_interval_seconds", "5s", (c) => c.vault.collectionIntervalSeconds, 5),
  row("metrics.legacy_names", "true", (c) => c.gateway.metrics?.legacyNames, true),
  row("metrics.enable_histograms", "false", (c) => c.vault.histogramBuckets, []),
  row(
    "audit.witnesses",
    `[{url: "https://witness.example/w", key: "${WITNESS}"}]`,
    (c) => [c.vault.audit.witnesses, fetching(c)?.origins],
    [[{ url: "https://witness.example/w", key: WITNESS }], ["https://witness.example"]],
  ),
  row(
    "audit.witnesses[].url",
    `[{url: "https://witness.example", key: "${WITNESS}"}]`,
    (c) => c.vault.audit.witnesses[0]?.url,
    "https://witness.example",
  ),
  row("audit.witnesses[].key", `[{url: "https://witness.example", key: "${WITNESS}"}]`, (c) => c.vault.audit.witnesses[0]?.key, WITNESS),
  row("audit.store", "sqlite", (c) => c.vault.audit.store, "sqlite"),
  row("audit.archive_path", "/archive", (c) => c.vault.audit.archivePath, "/archive"),
  row("audit.archive_after_days", "7", (c) => c.vault.audit.archiveAfterDays, 7),
  row("audit.retention_days", "365", (c) => c.vault.audit.retentionDays, 365, ["audit.archive_path=/archive"]),
  row("audit.break_approvals", "3", (c) => c.vault.audit.breakApprovals, 3),
  row("audit.max_streams", "3", (c) => c.vault.audit.maxStreams, 3),
  row("metrics.histogram_buckets", "0.5,2", (c) => c.vault.histogramBuckets, [0.5, 2]),
  row("alerts.enabled", "false", (c) => c.vault.alerts.enabled, false),
  row("alerts.interval_seconds", "1m", (c) => c.vault.alerts.intervalSeconds, 60),
  row("alerts.hold_seconds", "5m", (c) => c.vault.alerts.holdSeconds, 300),
  row("alerts.latency_seconds", "1s", (c) => c.vault.alerts.latencySeconds, 1),
  row("alerts.error_rate", "0.5", (c) => c.vault.alerts.errorRate, 0.5),
  row("alerts.saturation", "0.5", (c) => c.vault.alerts.saturation, 0.5),
  row("alerts.disk_free", "0.2", (c) => c.vault.alerts.diskFree, 0.2),
  row("alerts.failed_logins_per_minute", "7", (c) => c.vault.alerts.failedLoginsPerMinute, 7),
  row("alerts.certificate_seconds", "1d", (c) => c.vault.alerts.certificateSeconds, 86_400),
  row("alerts.key_seconds", "2d", (c) => c.vault.alerts.keySeconds, 172_800),
  row("telemetry.endpoint", "https://c.example:4318", (c) => c.gateway.telemetry?.endpoint, "https://c.example:4318"),
  row("telemetry.ca_path", "{data_dir}/c.pem", (c) => c.gateway.telemetry?.caPath, join(folder, "data/c.pem"), TELEMETRY),
  row("telemetry.traces", "false", (c) => [c.gateway.telemetry?.traces, c.vault.tracing], [false, undefined], TELEMETRY),
  row("telemetry.metrics", "false", (c) => c.gateway.telemetry?.metrics, false, TELEMETRY),
  row("telemetry.sample_ratio", "0.25", (c) => c.gateway.telemetry?.sampleRatio, 0.25, TELEMETRY),
  row("telemetry.interval_seconds", "1m", (c) => c.gateway.telemetry?.intervalSeconds, 60, TELEMETRY),
  row("telemetry.names", "true", (c) => c.vault.tracing?.names, true, TELEMETRY),
  row("namespaces.*.description", "About", (c) => c.vault.namespaces["team-a"]?.description, "About"),
  row("namespaces.*.max_keys", "5", (c) => c.vault.namespaces["team-a"]?.maxKeys, 5),
  row("namespaces.*.access_control.allowed_ips", "10.0.0.0/8,::1", (c) => c.vault.namespaces["team-a"]?.allowedIps, ["10.0.0.0/8", "::1"]),
  row("namespaces.*.access_control.denied_ips", "10.0.0.1", (c) => c.vault.namespaces["team-a"]?.deniedIps, ["10.0.0.1"]),
  row("namespaces.*.access_control.max_concurrent_sessions", "7", (c) => c.vault.namespaces["team-a"]?.maxConcurrentSessions, 7),
  row("security.session_timeout_seconds", "2h", (c) => c.vault.sessions.sessionSeconds, 7200),
  row("security.access_token_seconds", "1m", (c) => c.vault.sessions.accessTokenSeconds, 60),
  row("security.max_auth_attempts", "3", (c) => c.vault.sessions.maxAuthAttempts, 3),
  row("security.lockout_duration_seconds", "1h", (c) => c.vault.sessions.lockoutSeconds, 3600),
  row("auth.webauthn.rp_id", "example.com", (c) => c.vault.sessions.webAuthn?.rpId, "example.com", WEBAUTHN),
  row("auth.webauthn.rp_name", "Ours", (c) => c.vault.sessions.webAuthn?.rpName, "Ours", WEBAUTHN),
  row("auth.webauthn.origins", "https://b.a.example.com", (c) => c.vault.sessions.webAuthn?.origins, ["https://b.a.example.com"], WEBAUTHN),
  row(
    "development.plaintext",
    "false",
    (c) => [c.gateway.developmentGrpc, c.gateway.developmentRest, c.vault.auth.developmentPrincipal, c.gateway.grpc?.port],
    [undefined, false, undefined, 50051],
  ),
  row("development.principal", "me", (c) => c.vault.auth.developmentPrincipal, "me"),
];

/** A value outside what is built, for keys of the table not-built.ts. */
const REFUSED: Readonly<Record<string, string>> = {
  "security.key_derivation_iterations": "100000",
  "security.encryption_at_rest": "false",
  "security.encryption_algorithm": "chacha20poly1305",
  "security.audit_log_enabled": "false",
  "approvals.store": "memory",
  "metrics.format": "statsd",
};

/** Loads the development preset with some keys set. */
function load(...sets: readonly string[]) {
  return loadConfig({
    args: ["--preset", "development", "--data-dir", "data", ...sets.flatMap((set) => ["--set", set])],
    env: {},
    cwd: folder,
  });
}

const withoutFlag = (args: readonly string[], key: string) =>
  key === "preset" ? args.slice(2) : key === "storage.data_dir" ? args.slice(0, 2) : args;

test("every key of the schema has a row that observes it or a row that is refused", () => {
  const covered = new Set([...ROWS.map(({ key }) => key), ...Object.keys(REFUSED)]);
  assert.deepEqual(
    allKeys()
      .map(({ key }) => key)
      .filter((key) => !covered.has(key)),
    [],
  );
  assert.deepEqual(
    [...covered].filter((key) => !allKeys().some((known) => known.key === key)),
    [],
  );
});

for (const { key, value, sees, expected, with: needs = [] } of ROWS) {
  test(`${key} changes the effective configuration`, () => {
    const path = key.replace(/\[\].*$/, "").replace("*", "team-a");
    const before = load(...needs);
    const args = withoutFlag(["--preset", "development", "--data-dir", "data"], key);
    const loaded = loadConfig({
      args: [...args, ...[...needs, `${path}=${value}`].flatMap((set) => ["--set", set])],
      env: {},
      cwd: folder,
    });
    assert.deepEqual(loaded.mistakes, []);
    assert.ok(loaded.config !== undefined && before.config !== undefined);
    assert.deepEqual(sees(loaded.config), expected);
    assert.notDeepEqual(sees(before.config), expected, "the row would also pass without the key");
  });
}

test("every key and value that is not built has a row and is refused by name", () => {
  assert.deepEqual(Object.keys(REFUSED).sort(), NOT_BUILT.map(({ key }) => key).sort());
  for (const [key, value] of Object.entries(REFUSED)) {
    const path = key.replace("*", "default");
    const { mistakes } = load(`${path}=${value}`);
    assert.deepEqual(
      mistakes.map((mistake) => [mistake.key, mistake.problem.startsWith("refused: ")]),
      [[path, true]],
      key,
    );
  }
});

test("values that are built are accepted by keys of the same table", () => {
  for (const { key, built = [] } of NOT_BUILT)
    for (const value of built) assert.deepEqual(load(`${key}=${String(value)}`).mistakes, [], key);
});

test("without crypto.pool_jobs the vault counts its processors, so that another machine is no other configuration", () =>
  assert.equal(load().config?.vault.limits.poolJobs, 0));
