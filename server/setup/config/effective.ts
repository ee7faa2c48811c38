/** The merged and checked configuration as the plain data the launcher, the gateway and the vault receive. */
import type { AlertsConfig } from "@keystead/contract/alerts";
import { join, resolve } from "node:path";
import type {
  ApprovalsConfig,
  BoundClaim,
  CertificateBinding,
  ConnectorConfig,
  EffectiveConfig,
  GatewayConfig,
  JwtKeySet,
  LoggingConfig,
  NamespaceConfig,
  OidcProvider,
  TlsFiles,
  TlsListener,
  UnsealConfig,
  VaultConfig,
} from "@keystead/contract/config";
import { type PathBase, absolutePath, absoluteReference } from "./paths.ts";
import { LOOPBACK } from "./rules.ts";
import type { ConfigTree } from "./schema.ts";

/** A host that listeners on loopback can bind; 127.0.0.1 where the configured one is something else. */
function loopback(host: string): "127.0.0.1" | "::1" {
  return LOOPBACK.includes(host) ? (host as "127.0.0.1" | "::1") : "127.0.0.1";
}

function tlsFiles({ server }: ConfigTree, base: PathBase): TlsFiles | undefined {
  const { tls_enabled, tls_cert_path: cert, tls_key_path: key, tls_ca_cert_path: ca } = server;
  if (!tls_enabled || cert === undefined || key === undefined || ca === undefined) return undefined;
  return {
    certPath: absolutePath(cert, base),
    keyPath: absolutePath(key, base),
    caPath: absolutePath(ca, base),
    reloadSeconds: server.tls_reload_seconds,
  };
}

function gateway(config: ConfigTree, base: PathBase): GatewayConfig {
  const { server, metrics, development } = config;
  const tls = tlsFiles(config, base);
  const listener = (port: number, clientAuth: TlsListener["clientAuth"] | undefined): TlsListener => ({
    host: server.host,
    port,
    clientAuth: clientAuth ?? server.client_auth,
  });
  const plaintext = config.preset === "development" && development.plaintext;
  return {
    preset: config.preset,
    logLevel: config.logging.level,
    api: tls !== undefined && server.api_enabled ? listener(server.api_port, server.api_client_auth) : undefined,
    grpc: tls !== undefined && server.grpc_enabled && !plaintext ? listener(server.port, server.grpc_client_auth) : undefined,
    developmentGrpc: plaintext && server.grpc_enabled ? { host: loopback(server.host), port: server.port } : undefined,
    unixSocket: server.unix_socket === undefined ? undefined : absolutePath(server.unix_socket, base),
    health: server.health_enabled ? { host: server.health_host, port: server.health_port } : undefined,
    developmentRest: plaintext,
    metrics: metrics.enabled ? { host: metrics.listen_addr, port: metrics.listen_port, legacyNames: metrics.legacy_names } : undefined,
    tls,
    telemetry: telemetry(config, base),
    limits: {
      maxConnections: server.max_connections,
      requestTimeoutSeconds: server.timeout_seconds,
      bodyBytes: server.body_bytes,
      maxInFlight: server.max_in_flight,
    },
  };
}

const alerts = ({ alerts: own }: ConfigTree): AlertsConfig => ({
  enabled: own.enabled,
  intervalSeconds: own.interval_seconds,
  holdSeconds: own.hold_seconds,
  latencySeconds: own.latency_seconds,
  errorRate: own.error_rate,
  saturation: own.saturation,
  diskFree: own.disk_free,
  failedLoginsPerMinute: own.failed_logins_per_minute,
  certificateSeconds: own.certificate_seconds,
  keySeconds: own.key_seconds,
});

function telemetry({ telemetry: { endpoint, ca_path, traces, metrics, sample_ratio, interval_seconds } }: ConfigTree, base: PathBase) {
  if (endpoint === undefined || (!traces && !metrics)) return undefined;
  return {
    endpoint,
    caPath: ca_path === undefined ? undefined : absolutePath(ca_path, base),
    traces,
    metrics,
    sampleRatio: sample_ratio,
    intervalSeconds: interval_seconds,
  };
}

function unsealing({ unseal }: ConfigTree, base: PathBase): UnsealConfig {
  const hmacKey = unseal.hmac_key === undefined ? undefined : absoluteReference(unseal.hmac_key, base);
  const method = unseal.method ?? (unseal.passphrase === undefined ? "key" : "passphrase");
  if (method === "key" && unseal.master_key !== undefined)
    return { method, masterKey: absoluteReference(unseal.master_key, base), hmacKey };
  if (method === "passphrase" && unseal.passphrase !== undefined)
    return { method, passphrase: absoluteReference(unseal.passphrase, base), hmacKey };
  return { method: "none" };
}

type ClaimCondition = { claim: string; value?: string | boolean | undefined; one_of?: string[] | undefined; prefix?: string | undefined };

const boundClaim = ({ claim, value, one_of, prefix }: ClaimCondition): BoundClaim =>
  prefix === undefined ? { claim, oneOf: one_of ?? [value ?? ""] } : { claim, prefix };

function keySet(entry: ConfigTree["auth"]["jwt"]["key_sets"][number], base: PathBase): JwtKeySet {
  const { path, url, issuer, audience, leeway_seconds = 60, allowed_roles = [], namespaces = [] } = entry;
  return {
    ...(path === undefined ? {} : { path: absolutePath(path, base) }),
    ...(url === undefined ? {} : { url }),
    issuer,
    audience,
    leewaySeconds: leeway_seconds,
    allowedRoles: allowed_roles,
    boundClaims: (entry.bound_claims ?? []).map(boundClaim),
    roles: entry.roles ?? [],
    requireJti: entry.require_jti ?? true,
    namespaces,
  };
}

function oidcProvider(entry: ConfigTree["auth"]["oidc"]["providers"][number]): OidcProvider {
  const { issuer, client_id, audience, leeway_seconds = 60, bound_claims = [], mappings } = entry;
  return {
    issuer,
    clientId: client_id,
    ...(audience === undefined ? {} : { audience }),
    leewaySeconds: leeway_seconds,
    boundClaims: bound_claims.map(boundClaim),
    mappings: mappings.map(({ roles, namespaces, ...condition }) => ({ ...boundClaim(condition), roles, namespaces })),
  };
}

/** The connectors that somebody will ask something, each with what it may reach. */
function connectors({ audit, auth, connector, logging: log, preset, sinks }: ConfigTree, base: PathBase): ConnectorConfig[] {
  const addresses = [
    ...auth.jwt.key_sets.flatMap(({ url }) => url ?? []),
    ...auth.oidc.providers.flatMap(({ issuer, origins = [] }) => [issuer, ...origins]),
    ...auth.revocation.crl_urls,
    ...audit.witnesses.map(({ url }) => url),
    ...(auth.revocation.ocsp_url === undefined ? [] : [auth.revocation.ocsp_url]),
  ];
  const reach = {
    logLevel: log.level,
    caPath: connector.ca_path === undefined ? undefined : absolutePath(connector.ca_path, base),
    allowedAddresses: connector.allowed_addresses,
  };
  return [
    ...(addresses.length === 0
      ? []
      : [{ name: "fetch" as const, ...reach, origins: [...new Set(addresses.map((address) => new URL(address).origin))] }]),
    ...(sinks.enabled
      ? [
          {
            name: "deliver" as const,
            ...reach,
            filesDir: sinks.files_dir === undefined ? undefined : absolutePath(sinks.files_dir, base),
            plaintextLoopback: preset === "development",
          },
        ]
      : []),
  ];
}

function binding({ principal, roles, namespaces, ...entry }: ConfigTree["auth"]["certificates"][number]): CertificateBinding {
  return { match: matchOf(entry), principal, roles, namespaces };
}

function matchOf(
  entry: Omit<ConfigTree["auth"]["certificates"][number], "principal" | "roles" | "namespaces">,
): CertificateBinding["match"] {
  const { common_name, subject, fingerprint_sha256, san_dns, san_email, san_uri, spiffe_id } = entry;
  if (common_name !== undefined) return { commonName: common_name };
  if (subject !== undefined) return { subject };
  if (fingerprint_sha256 !== undefined) return { fingerprintSha256: fingerprint_sha256.replaceAll(":", "").toLowerCase() };
  if (san_dns !== undefined) return { sanDns: san_dns };
  if (san_email !== undefined) return { sanEmail: san_email };
  if (spiffe_id !== undefined) return { spiffeId: spiffe_id };
  return { sanUri: san_uri ?? "" };
}

function namespace({ description = "", max_keys = 10_000, access_control = {} }: ConfigTree["namespaces"][string]): NamespaceConfig {
  return {
    description,
    maxKeys: max_keys,
    allowedIps: access_control.allowed_ips ?? [],
    deniedIps: access_control.denied_ips ?? [],
    maxConcurrentSessions: access_control.max_concurrent_sessions,
  };
}

function approvals({
  rules,
  override,
  approver_keys,
  persons,
  keep_closed_days,
  new_keys_staged,
}: ConfigTree["approvals"]): ApprovalsConfig {
  return {
    rules: rules.map(({ name, operations = [], permissions = [], namespaces = [], key_tags = [], quorum, roles, ...more }) => ({
      name,
      operations,
      permissions,
      namespaces,
      keyTags: key_tags,
      quorum,
      roles,
      expirySeconds: more.expiry_seconds ?? 3600,
      reason: more.reason ?? "",
    })),
    override,
    approverKeys: approver_keys.map(({ principal, public_key }) => ({ principal, publicKey: public_key })),
    persons,
    keepClosedDays: keep_closed_days,
    newKeysStaged: new_keys_staged,
  };
}

function vault(config: ConfigTree, base: PathBase): VaultConfig {
  const { storage, security, audit, auth, crypto, lifecycle, limits, pkcs11, scripts, sinks, server, metrics } = config;
  const plaintext = config.preset === "development" && config.development.plaintext;
  return {
    preset: config.preset,
    logLevel: config.logging.level,
    dataDir: base.dataDir,
    storage: {
      backend: storage.backend === "encrypted_file" ? "filesystem" : storage.backend,
      sqlitePath: storage.sqlite_path === undefined ? join(base.dataDir, "keystead.db") : absolutePath(storage.sqlite_path, base),
      cacheSizeBytes: storage.cache_size_bytes,
      wal: storage.wal_enabled,
      syncMode: storage.sync_mode,
      shredIterations: storage.shred_iterations,
    },
    audit: {
      path: absolutePath(security.audit_log_path, base),
      store: audit.store,
      syncMode: security.audit_sync_mode ?? storage.sync_mode,
      origin: audit.origin ?? "",
      checkpointEvents: audit.checkpoint_events,
      checkpointSeconds: audit.checkpoint_seconds,
      segmentSeconds: audit.segment_seconds,
      witnesses: audit.witnesses,
      breakApprovals: audit.break_approvals,
      maxStreams: audit.max_streams,
      ...(audit.archive_path === undefined ? {} : { archivePath: absolutePath(audit.archive_path, base) }),
      archiveAfterDays: audit.archive_after_days,
      ...(audit.retention_days === undefined ? {} : { retentionDays: audit.retention_days }),
    },
    unseal: unsealing(config, base),
    minPassphraseLength: security.min_password_length,
    firstPolicyPath: security.first_policy_path === undefined ? undefined : absolutePath(security.first_policy_path, base),
    requireAcceptedConfig: security.require_accepted_config,
    requireStrongPassphrase: security.require_strong_passwords,
    auth: {
      keySets: auth.jwt.key_sets.map((entry) => keySet(entry, base)),
      keySetReloadSeconds: auth.jwt.reload_seconds,
      keyFetch: {
        refreshSeconds: auth.jwt.refresh_seconds,
        staleSeconds: auth.jwt.stale_seconds,
        unknownKidSeconds: auth.jwt.unknown_kid_seconds,
        timeoutSeconds: config.connector.timeout_seconds,
      },
      oidcProviders: auth.oidc.providers.map(oidcProvider),
      certificates: auth.certificates.map(binding),
      caPath: tlsFiles(config, base)?.caPath,
      caReloadSeconds: server.tls_reload_seconds,
      revocation: {
        crlPaths: auth.revocation.crl_paths.map((path) => absolutePath(path, base)),
        crlUrls: auth.revocation.crl_urls,
        ocspUrl: auth.revocation.ocsp_url,
        ocspKeepSeconds: auth.revocation.ocsp_keep_seconds,
        reloadSeconds: auth.revocation.reload_seconds,
        unknown: auth.revocation.unknown,
      },
      developmentPrincipal: plaintext ? config.development.principal : undefined,
    },
    sessions: {
      sessionSeconds: security.session_timeout_seconds,
      accessTokenSeconds: security.access_token_seconds,
      maxAuthAttempts: security.max_auth_attempts,
      lockoutSeconds: security.lockout_duration_seconds,
      webAuthn:
        auth.webauthn === undefined
          ? undefined
          : { rpId: auth.webauthn.rp_id, rpName: auth.webauthn.rp_name ?? "Keystead", origins: auth.webauthn.origins },
    },
    rsaPkcs1Decryption: crypto.rsa_pkcs1_decryption,
    weakerWrapping: crypto.weaker_wrapping,
    hardwareRandomPath: crypto.hardware_random === undefined ? undefined : absolutePath(crypto.hardware_random, base),
    lifecycle: {
      destructionDelaySeconds: lifecycle.destruction_delay_seconds,
      minDestructionDelaySeconds: lifecycle.min_destruction_delay_seconds,
      namespaceDeletionDelaySeconds: lifecycle.namespace_deletion_delay_seconds,
      minNamespaceDeletionDelaySeconds: lifecycle.min_namespace_deletion_delay_seconds,
      purgeGraceSeconds: lifecycle.purge_grace_seconds,
      retention: lifecycle.retention.map(({ tag, keep }) => ({ tag, keepSeconds: keep })),
      retentionFilePath: lifecycle.retention_file === undefined ? undefined : absolutePath(lifecycle.retention_file, base),
      retentionFile: undefined,
      intervalSeconds: lifecycle.interval_seconds,
    },
    scripts,
    sinks: { enabled: sinks.enabled },
    sessionKeys: { most: pkcs11.session_keys, idleSeconds: pkcs11.session_key_idle_seconds },
    approvals: approvals(config.approvals),
    namespaces: Object.fromEntries(Object.entries(config.namespaces).map(([name, entry]) => [name, namespace(entry)])),
    limits: {
      maxInFlight: server.max_in_flight,
      poolJobs: crypto.pool_jobs,
      rates: {
        address: { perSecond: limits.address_per_second, burst: limits.address_burst },
        principal: { perSecond: limits.principal_per_second, burst: limits.principal_burst },
        namespace: { perSecond: limits.namespace_per_second, burst: limits.namespace_burst },
        inFlightEach: limits.in_flight_each,
      },
    },
    alerts: alerts(config),
    tracing: config.telemetry.endpoint !== undefined && config.telemetry.traces ? { names: config.telemetry.names } : undefined,
    collectionIntervalSeconds: metrics.collection_interval_seconds,
    histogramBuckets: metrics.enable_histograms ? metrics.histogram_buckets : [],
  };
}

function logging({ logging: log }: ConfigTree, base: PathBase): LoggingConfig {
  return {
    level: log.level,
    format: log.format,
    output: log.output,
    filePath: absolutePath(log.file_path, base),
    maxFileSizeBytes: log.max_file_size_bytes,
    maxBackupFiles: log.max_backup_files,
  };
}

/** The effective configuration of a tree without mistakes; relative paths start at `cwd`. Notices are empty. */
export function effectiveConfig(config: ConfigTree, cwd: string): EffectiveConfig {
  const base: PathBase = { cwd, dataDir: resolve(cwd, config.storage.data_dir) };
  return {
    gateway: gateway(config, base),
    vault: vault(config, base),
    connectors: connectors(config, base),
    logging: logging(config, base),
    notices: [],
  };
}
