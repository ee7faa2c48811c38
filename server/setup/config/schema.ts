/**
 * Every configuration key there is, with its kind and its one-line description. The YAML file, the environment, the
 * flags, the reference page and the shipped presets are all read against this one table.
 *
 * Keys that no preset sets are optional here; all others have a value in every preset (see presets.ts).
 *
 * Long, because it is the one table.
 */
import { z } from "zod";
import { SELF_CHOSEN_CLAIMS, topClaim } from "@keystead/contract/claim-names";
import { KIND, key } from "./value-kinds.ts";
import { approvals } from "./approvals-schema.ts";
import { ROLES } from "./role-names.ts";

export { ROLES };

/** Spelled as a pointer it is the same claim. */
const isSelfChosen = (claim: string): boolean => SELF_CHOSEN_CLAIMS.includes(topClaim(claim) ?? "");

const roles = z.array(z.enum(ROLES)).meta({ expects: `a list of roles out of ${ROLES.join(", ")}` });
const clientAuth = KIND.oneOf("required", "optional", "none");
const syncMode = KIND.oneOf("full", "normal", "none");

const server = z.strictObject({
  host: key(KIND.host, "Address the TLS listeners bind."),
  port: key(KIND.port, "Port of gRPC (also Connect and gRPC-Web)."),
  grpc_enabled: key(KIND.boolean, "Whether the gRPC port is opened."),
  api_port: key(KIND.port, "Port of REST, gRPC, gRPC-Web and Connect together."),
  api_enabled: key(KIND.boolean, "Whether the API port is opened."),
  unix_socket: key(
    KIND.path,
    "Unix socket of REST, gRPC, gRPC-Web and Connect for programs of this machine, without TLS; its folder lets in who may use it, mode 0750 or stricter.",
  ).optional(),
  health_host: key(KIND.host, "Address of the plain health listener; loopback while development.plaintext is true."),
  health_port: key(KIND.port, "Port of the plain health listener (/health/*)."),
  health_enabled: key(KIND.boolean, "Whether the health listener is opened."),
  max_connections: key(KIND.integer(1, 1_000_000), "Connections open at once; further ones are closed at once."),
  timeout_seconds: key(KIND.seconds, "Longest time a request may take."),
  body_bytes: key(KIND.integer(1024, 15_728_640), "Largest request body, in bytes."),
  max_in_flight: key(KIND.integer(1, 1_000_000), "Requests worked on at once, in the gateway and in the vault."),
  tls_enabled: key(KIND.boolean, "Whether the TLS listeners are opened; may be false in development and test only."),
  tls_cert_path: key(KIND.path, "PEM file of the server certificate and its chain.").optional(),
  tls_key_path: key(KIND.path, "PEM file of the server certificate's private key.").optional(),
  tls_ca_cert_path: key(KIND.path, "PEM file of the authorities client certificates must chain to.").optional(),
  tls_reload_seconds: key(KIND.seconds, "How often the TLS files are read again; 0 = never."),
  client_auth: key(clientAuth, "Whether clients must show a certificate; none is for development only."),
  api_client_auth: key(clientAuth, "The same for the API port alone; without it server.client_auth counts.").optional(),
  grpc_client_auth: key(clientAuth, "The same for the gRPC port alone; without it server.client_auth counts.").optional(),
});

const storage = z.strictObject({
  backend: key(
    KIND.oneOf("memory", "sqlite", "encrypted_file", "filesystem"),
    "Where sealed records are kept: SQLite, plain files (filesystem, also called encrypted_file), or memory.",
  ),
  sqlite_path: key(KIND.path, "The SQLite database; {data_dir}/keystead.db without it.").optional(),
  data_dir: key(KIND.path, "Folder of the database and everything the vault writes."),
  cache_size_bytes: key(KIND.integer(0, 68_719_476_736), "Memory the store may use as a page cache, in bytes."),
  wal_enabled: key(KIND.boolean, "Whether the store uses a write-ahead log."),
  sync_mode: key(syncMode, "full: durable before the reply; normal: survives a crash of the process; none: neither."),
  shred_iterations: key(
    KIND.integer(0, 35),
    "Times that a file of the filesystem store is overwritten with random bytes before it is zeroed and removed. SQLite zeroes what it deletes, and takes 0 only.",
  ),
});

const security = z.strictObject({
  key_derivation_iterations: key(KIND.integer(1, 100_000_000), "Iterations of PBKDF2.").optional(),
  encryption_at_rest: key(KIND.boolean, "Records are always sealed; only true is accepted."),
  encryption_algorithm: key(KIND.name, "Cipher that seals records."),
  session_timeout_seconds: key(KIND.seconds, "How long a session lasts from its login, whatever it is used for; 60 to 86400."),
  access_token_seconds: key(KIND.seconds, "How long an access token is good before it is refreshed; 10 to 3600."),
  max_auth_attempts: key(KIND.integer(1, 1_000_000), "Failed attempts of a user in a row before a lockout."),
  lockout_duration_seconds: key(KIND.seconds, "How long a lockout lasts."),
  audit_log_enabled: key(KIND.boolean, "Every operation is recorded; only true is accepted."),
  audit_log_path: key(KIND.path, "Where the audit log's segments are kept."),
  audit_sync_mode: key(syncMode, "sync_mode of the audit log; without it storage.sync_mode counts.").optional(),
  require_accepted_config: key(
    KIND.boolean,
    "Whether a start with a changed configuration stays in maintenance until an administrator accepts it.",
  ),
  first_policy_path: key(
    KIND.path,
    "Policy document that is in force from the first unseal of a new vault on; of a vault that is there it changes nothing.",
  ).optional(),
  require_strong_passwords: key(KIND.boolean, "Whether passwords and passphrases must mix kinds of characters."),
  min_password_length: key(KIND.integer(4, 1024), "Shortest password or passphrase, in characters; at least 8 in production."),
});

const audit = z.strictObject({
  origin: key(
    KIND.keyName,
    "Which log this is: the first line of every checkpoint and the name of the key it is signed by; keystead/ and the vault's id without it.",
  ).optional(),
  checkpoint_events: key(
    KIND.integer(1, 1_000_000_000),
    "A checkpoint of the audit log is signed after so many events; ten a second at most.",
  ),
  checkpoint_seconds: key(KIND.seconds, "Longest time that an event waits for a checkpoint; at least 1."),
  segment_seconds: key(
    KIND.seconds,
    "A segment of the audit log ends with the first event that comes so long after its first; at least 1.",
  ),
  witnesses: z
    .array(
      z.strictObject({
        url: key(
          KIND.url,
          "Submission prefix of a witness (C2SP tlog-witness); the connector posts each checkpoint to its add-checkpoint.",
        ),
        key: key(KIND.verifierKey, "The witness's verifier key, NAME+ID+BASE64 of type 04."),
      }),
    )
    .max(16)
    .meta({
      description: "Who is asked to cosign checkpoints, so that nobody can be shown another log.",
      expects: "a list of at most 16 witnesses, each with url and key",
    }),
  store: key(
    KIND.oneOf("files", "sqlite"),
    "Where the audit log's files are kept: in the file system, or in one SQLite database, {security.audit_log_path}.db. A log stays where it is.",
  ),
  archive_path: key(KIND.path, "Folder that old segments of the audit log are moved to; without it they stay where they are.").optional(),
  archive_after_days: key(KIND.integer(0, 36_500), "How long a segment stays after its last event before it is moved to archive_path."),
  retention_days: key(
    KIND.integer(1, 36_500),
    "Segments in archive_path whose last event is older are deleted, at least archive_after_days; without it they are kept for ever.",
  ).optional(),
  break_approvals: key(
    KIND.integer(1, 10),
    "How many administrators must approve before the vault goes on without a damaged part of the audit log, besides the one who asks.",
  ),
  max_streams: key(KIND.integer(1, 10_000), "Streams of the audit log that may be open at once; one caller may have an eighth of them."),
});

const unseal = z.strictObject({
  method: key(
    KIND.oneOf("key", "passphrase", "none"),
    "How the vault unseals itself; without it, what is set below decides. none: it starts sealed.",
  ).optional(),
  master_key: key(KIND.reference, "Where the 32-byte root secret is (text form base64:... or hex:...).").optional(),
  passphrase: key(KIND.reference, "Where the passphrase is, instead of master_key.").optional(),
  hmac_key: key(KIND.reference, "Where an optional second secret is; it is mixed into the root.").optional(),
});

/** A word that is compared: a star in it would be taken for a pattern by its reader. */
const exactValue = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^[^*]*$/)
  .meta({ expects: "a whole value; * is no pattern here and is not accepted" });

/** Conditions on a claim, beside what else an entry has. */
const claimCondition = {
  claim: key(KIND.name, "Name of the claim, or a JSON pointer to it that begins with /."),
  value: key(z.union([exactValue, z.boolean()]).meta({ expects: "a whole value, or true or false" }), "The value it must have.").optional(),
  one_of: key(
    z.array(exactValue).min(1).max(64).meta({ expects: "a list of whole values" }),
    "Values of which it must have one; of a claim that is a list, one must be among these.",
  ).optional(),
};
const exactlyOne = (...values: readonly unknown[]): boolean => values.filter((value) => value !== undefined).length === 1;

const boundClaim = z
  .strictObject({
    ...claimCondition,
    prefix: key(
      z
        .string()
        .max(1024)
        .regex(/^[^*]*[/:]$/)
        .meta({ expects: "the beginning of a value, up to and with a / or :, so that it ends where a name does" }),
      "What its value must begin with.",
    ).optional(),
  })
  .refine((entry) => exactlyOne(entry.value, entry.one_of, entry.prefix) && !isSelfChosen(entry.claim))
  .meta({
    expects: `an entry with claim, and exactly one of value, one_of and prefix; the claim is none of ${SELF_CHOSEN_CLAIMS.join(", ")}, which their bearers choose`,
  });
const boundClaims = z.array(boundClaim).max(32).meta({ expects: "a list of conditions, each with claim and one of value, one_of, prefix" });

const keySet = z
  .strictObject({
    path: key(KIND.path, "JWKS file.").optional(),
    url: key(KIND.url, "Address of the JWKS, instead of path; the connector fetches it.").optional(),
    issuer: key(KIND.name, "Required iss of its tokens."),
    audience: key(KIND.name, "Required aud of its tokens."),
    leeway_seconds: key(KIND.seconds, "Clock difference forgiven; 60 without it.").optional(),
    allowed_roles: key(roles, "Roles its tokens may carry; none without it.").optional(),
    bound_claims: key(boundClaims, "Claims its tokens must have, all of them.").optional(),
    roles: key(roles, "Roles every token of it has; needs bound_claims.").optional(),
    require_jti: key(KIND.boolean, "Whether its tokens must have a jti; true without it.").optional(),
    namespaces: key(KIND.names, 'Namespaces its tokens may reach; ["*"] = all; none without it.').optional(),
  })
  .refine((entry) => exactlyOne(entry.path, entry.url) && (entry.roles === undefined || (entry.bound_claims ?? []).length > 0))
  .meta({ expects: "an entry with exactly one of path and url, and with bound_claims where it has roles" });

const mapping = z
  .strictObject({
    ...claimCondition,
    roles: key(roles, "Roles of who has it."),
    namespaces: key(KIND.names, 'Namespaces within reach; ["*"] = all.'),
  })
  .refine((entry) => exactlyOne(entry.value, entry.one_of) && !isSelfChosen(entry.claim))
  .meta({
    expects: `an entry with claim, exactly one of value and one_of, roles and namespaces; the claim is none of ${SELF_CHOSEN_CLAIMS.join(", ")}, which their bearers choose`,
  });

const oidcProvider = z.strictObject({
  issuer: key(KIND.url, "The provider, exactly as its discovery document and its tokens name it."),
  client_id: key(KIND.name, "Our client at the provider: the audience of its ID tokens."),
  audience: key(KIND.name, "Audience of access tokens that are accepted too.").optional(),
  origins: key(
    z.array(KIND.url).meta({ expects: "a list of addresses" }),
    "Origins besides the issuer's that its keys may be at, such as https://www.googleapis.com.",
  ).optional(),
  leeway_seconds: key(KIND.seconds, "Clock difference forgiven; 60 without it.").optional(),
  bound_claims: key(boundClaims, "Claims every token must have, such as hd or tid.").optional(),
  mappings: key(
    z.array(mapping).min(1).meta({ expects: "a list of mappings, each with claim, value, roles and namespaces" }),
    "Who the bearers are: the first mapping that fits counts, alone; whom none fits is not let in.",
  ),
});

/** One principal for one name: a pattern could match what nobody thought of. */
const exactName = z
  .string()
  .regex(/^[^*\s]{1,255}$/)
  .meta({ expects: "a whole name of at most 255 characters, without spaces and without *" });
const spiffeId = z
  .string()
  .max(2048)
  .regex(/^spiffe:\/\/[a-z0-9._-]{1,255}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/)
  .meta({ expects: "a whole SPIFFE id, such as spiffe://example.org/ns/prod/sa/signer" });

const CERTIFICATE_MATCHES = ["common_name", "fingerprint_sha256", "san_dns", "san_email", "san_uri", "spiffe_id", "subject"] as const;

const certificate = z
  .strictObject({
    common_name: key(KIND.name, "Subject common name to match.").optional(),
    subject: key(KIND.text, "The whole subject to match, as RFC 4514 writes it: CN=signer,OU=Ops,O=Example.").optional(),
    fingerprint_sha256: key(
      z
        .string()
        .regex(/^(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$/)
        .meta({ expects: "64 hexadecimal digits, with or without colons" }),
      "SHA-256 of the DER certificate to match.",
    ).optional(),
    san_dns: key(exactName, "DNS subject alternative name to match; upper and lower case are one.").optional(),
    san_email: key(exactName, "E-mail subject alternative name to match.").optional(),
    san_uri: key(KIND.name, "URI subject alternative name to match.").optional(),
    spiffe_id: key(spiffeId, "SPIFFE id to match; it must be the certificate's only URI.").optional(),
    principal: key(KIND.name, "Who the bearer is."),
    roles: key(roles, "Roles of the principal."),
    namespaces: key(KIND.names, 'Namespaces the principal may reach; ["*"] = all.'),
  })
  .refine((entry) => CERTIFICATE_MATCHES.filter((name) => entry[name] !== undefined).length === 1)
  .meta({ expects: `an entry with exactly one of ${CERTIFICATE_MATCHES.join(", ")}` });

const revocation = z.strictObject({
  crl_paths: key(
    z.array(KIND.path).meta({ expects: "a list of paths" }),
    "Files of revocation lists (PEM or DER), signed by the authorities of client certificates.",
  ),
  crl_urls: key(
    z.array(KIND.url).meta({ expects: "a list of addresses" }),
    "Addresses of such lists; the connector fetches them. They are signed, so http:// will do.",
  ),
  ocsp_url: key(KIND.url, "Address of an OCSP responder that is asked about every client certificate; http:// will do.").optional(),
  ocsp_keep_seconds: key(KIND.seconds, "Longest time an OCSP answer is used; it is asked for again after half of it. At least 1."),
  reload_seconds: key(KIND.seconds, "How often revocation lists are read and fetched again; 0 = never."),
  unknown: key(
    KIND.oneOf("refuse", "accept"),
    "What becomes of a client certificate whose status nobody can tell, once a list or a responder is configured; production refuses.",
  ),
});

const auth = z.strictObject({
  jwt: z.strictObject({
    key_sets: key(
      z.array(keySet).meta({ expects: "a list of key sets, each with path or url, issuer and audience" }),
      "Key sets that verify bearer tokens.",
    ),
    reload_seconds: key(KIND.seconds, "How often the key sets are read again; 0 = never."),
    refresh_seconds: key(KIND.seconds, "Longest time until keys of an address or a provider are fetched again; at least 60."),
    stale_seconds: key(KIND.seconds, "How long fetched keys count when they cannot be fetched again."),
    unknown_kid_seconds: key(KIND.seconds, "Least time between fetches because of an unknown key id; at least 1."),
  }),
  oidc: z.strictObject({
    providers: key(
      z.array(oidcProvider).meta({ expects: "a list of providers, each with issuer, client_id and mappings" }),
      "OpenID Connect providers whose tokens count.",
    ),
  }),
  webauthn: z
    .strictObject({
      rp_id: key(KIND.name, "Domain that security keys and passkeys are registered for, such as hsm.example.com."),
      rp_name: key(KIND.name, "What they show people; Keystead without it.").optional(),
      origins: key(KIND.names, "Web origins that may ask for them, such as https://hsm.example.com."),
    })
    .optional(),
  certificates: key(
    z.array(certificate).meta({ expects: "a list of bindings, each with a match, principal, roles and namespaces" }),
    "Who the bearers of client certificates are.",
  ),
  revocation,
});

const connector = z.strictObject({
  ca_path: key(KIND.path, "PEM file of authorities of the servers it asks, besides the system's.").optional(),
  allowed_addresses: key(
    KIND.addressRanges,
    "Addresses it may dial besides public ones; loopback, private and link-local ones only when they are here.",
  ),
  timeout_seconds: key(KIND.seconds, "Longest time one question may take; more than 0 and at most 60."),
});

const crypto = z.strictObject({
  rsa_pkcs1_decryption: key(KIND.boolean, "Whether RSA PKCS#1 v1.5 decryption is allowed (open to padding oracles; RUSTSEC-2023-0071)."),
  weaker_wrapping: key(
    KIND.boolean,
    "Whether a key may leave under a symmetric key of fewer bits of security, such as AES-256 under AES-128 (SP 800-57 Part 1 Table 2).",
  ),
  hardware_random: key(
    KIND.path,
    "Device of a hardware random source, such as /dev/hwrng; mixed into the system's random bytes, never used alone.",
  ).optional(),
  pool_jobs: key(
    KIND.integer(0, 1024),
    "Costly operations run at once, signatures twice as many while nothing quick is asked for; 0 = one per processor.",
  ),
});

const retentionClass = z.strictObject({
  tag: key(KIND.name, "Keys with this tag are of the class; of several, the longest counts."),
  keep: key(KIND.seconds, "How long they are kept after their revocation."),
});

const lifecycle = z.strictObject({
  destruction_delay_seconds: key(KIND.seconds, "How long DestroyKey waits before a key is destroyed, when the request does not say."),
  min_destruction_delay_seconds: key(KIND.seconds, "The least it may wait; above 0, DeleteKey (which destroys at once) is refused."),
  namespace_deletion_delay_seconds: key(
    KIND.seconds,
    "How long DeleteNamespace waits before everything in it is destroyed, when the request does not say.",
  ),
  min_namespace_deletion_delay_seconds: key(KIND.seconds, "The least it may wait."),
  purge_grace_seconds: key(KIND.seconds, "How long after ApprovePurge a destruction that the server asked for can still be cancelled."),
  retention: key(
    z.array(retentionClass).meta({ expects: "a list of classes, each with tag and keep" }),
    "Retention classes: when a revoked key has been kept so long, its destruction is scheduled and waits for ApprovePurge.",
  ),
  retention_file: key(
    KIND.path,
    "YAML or JSON file of further retention: default_days, tags, overrides by key and version, and what namespaces say of their own.",
  ).optional(),
  interval_seconds: key(KIND.seconds, "How often due activations, deactivations and destructions are looked for; at least 1."),
});

const perSecond = KIND.integer(0, 1_000_000);
const burst = KIND.integer(1, 1_000_000);
const limits = z.strictObject({
  principal_per_second: key(perSecond, "Requests a second of each principal; 0 = no limit."),
  principal_burst: key(burst, "Requests at once of each principal after a rest."),
  address_per_second: key(perSecond, "Attempts to log in a second from each address (IPv6: each /64); 0 = no limit."),
  address_burst: key(burst, "Attempts to log in at once from each address after a rest."),
  namespace_per_second: key(perSecond, "Requests a second in each namespace without a rate of its own; 0 = no limit."),
  namespace_burst: key(burst, "Requests at once in such a namespace after a rest."),
  in_flight_each: key(
    KIND.integer(0, 1_000_000),
    "Requests of one principal, or of one address before login, worked on at once; 0 = no limit.",
  ),
});

const scripts = z.strictObject({
  enabled: key(
    KIND.boolean,
    "Whether policy scripts may be run, in a process of their own that starts with the first. While false, what an enabled script applies to is refused.",
  ),
});

const sinks = z.strictObject({
  enabled: key(
    KIND.boolean,
    "Whether events of the audit log may be sent to sinks, by a process of its own that starts with the first. Where it may dial is connector.allowed_addresses.",
  ),
  files_dir: key(
    KIND.path,
    "Folder for sinks that write files, the only one their process may write to; without it there are none.",
  ).optional(),
});

const pkcs11 = z.strictObject({
  session_keys: key(
    KIND.integer(0, 16_384),
    "Session keys a principal may have at once: keys in the vault's memory alone, gone with the session that made them. 0 = none are made.",
  ),
  session_key_idle_seconds: key(KIND.seconds, "How long a session key lives that nobody uses; at least 1."),
});

const logging = z.strictObject({
  level: key(KIND.oneOf("trace", "debug", "info", "warn", "error"), "Least severe message that is logged."),
  format: key(KIND.oneOf("json", "pretty"), "json: one object per line; pretty: for people."),
  output: key(KIND.oneOf("console", "file", "both"), "Where log lines go."),
  file_path: key(KIND.path, "Log file."),
  max_file_size_bytes: key(KIND.integer(4096, 1_099_511_627_776), "Size at which the log file is rotated, in bytes."),
  max_backup_files: key(KIND.integer(0, 10_000), "Rotated log files that are kept."),
});

const metrics = z.strictObject({
  enabled: key(KIND.boolean, "Whether /metrics is served."),
  format: key(KIND.name, "Format of /metrics."),
  listen_addr: key(KIND.host, "Address of the metrics listener."),
  listen_port: key(KIND.port, "Port of the metrics listener."),
  collection_interval_seconds: key(
    KIND.seconds,
    "How often sizes of files and disks, and what other processes say of themselves, are looked at, a second to a day; the rest is read when /metrics is.",
  ),
  legacy_names: key(KIND.boolean, "Whether series that had another name in older systems (ferrohsm_*) are there under it too."),
  enable_histograms: key(KIND.boolean, "Whether durations are histograms besides summaries."),
  histogram_buckets: key(KIND.buckets, "Upper bounds of the duration histograms, in seconds."),
});

const alerts = z.strictObject({
  enabled: key(KIND.boolean, "Whether the vault watches for trouble by itself (keystead alerts)."),
  interval_seconds: key(KIND.seconds, "How often it looks; a second to an hour."),
  hold_seconds: key(KIND.seconds, "How long latency, errors, saturation and failed logins must hold, or be gone, before that counts."),
  latency_seconds: key(KIND.seconds, "99th percentile of the durations of operations that is too long; 0 = off."),
  error_rate: key(KIND.ratio, "Share of operations failing by the server's fault that is too much; 0 = off."),
  saturation: key(KIND.ratio, "Share of the requests in flight, or of the connections, that is too much; 0 = off."),
  disk_free: key(KIND.ratio, "Free share of a disk that is too little; 0 = off."),
  failed_logins_per_minute: key(KIND.integer(0, 1_000_000), "Refused credentials and logins a minute that are too many; 0 = off."),
  certificate_seconds: key(KIND.seconds, "How long before its end a certificate of the listeners is told of; 0 = off."),
  key_seconds: key(KIND.seconds, "How long before their end date keys in use are told of; 0 = off."),
});

const telemetry = z.strictObject({
  endpoint: key(
    KIND.url,
    "Base address of a collector's OTLP/HTTP receiver, such as https://collector:4318; without it nothing is sent. http:// on this machine alone.",
  ).optional(),
  ca_path: key(KIND.path, "PEM file of authorities of the collector; Node's own without it.").optional(),
  traces: key(KIND.boolean, "Whether a span of gateway and vault is sent for each traced request."),
  metrics: key(KIND.boolean, "Whether the series of /metrics are sent too."),
  sample_ratio: key(KIND.ratio, "Share of requests that are traced, of those whose caller brings no trace of its own."),
  interval_seconds: key(KIND.seconds, "How often is sent; a second to an hour."),
  names: key(KIND.boolean, "Whether spans say namespaces and key ids."),
});

const namespace = z.strictObject({
  description: key(KIND.text, "What the namespace is for.").optional(),
  max_keys: key(KIND.integer(0, 1_000_000_000), "Keys and stored objects it may hold together; 10000 without it.").optional(),
  access_control: z
    .strictObject({
      allowed_ips: key(KIND.addressRanges, "Client addresses that may use it; empty = all.").optional(),
      denied_ips: key(KIND.addressRanges, "Client addresses that may not, whatever allowed_ips says.").optional(),
      max_concurrent_sessions: key(KIND.integer(1, 1_000_000), "Sessions open at once.").optional(),
    })
    .optional(),
});

const development = z.strictObject({
  plaintext: key(KIND.boolean, "Development preset only: gRPC and REST without TLS or login, on loopback addresses."),
  principal: key(KIND.name, "Who callers of the plaintext listeners act as."),
});

const namespaceName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/);

/** The whole, after all layers are merged. */
export const configSchema = z.strictObject({
  preset: key(KIND.oneOf("development", "production", "test"), "Set of defaults the rest is read on top of; production without it."),
  server,
  storage,
  security,
  unseal,
  auth,
  connector,
  crypto,
  lifecycle,
  limits,
  scripts,
  sinks,
  pkcs11,
  logging,
  audit,
  metrics,
  telemetry,
  alerts,
  approvals,
  namespaces: z
    .record(namespaceName, namespace)
    .meta({ expects: "a section per namespace; its name has 1 to 63 of a-z, 0-9 and -, and does not begin with -" }),
  development,
});

/** Every key with its value, durations in seconds, paths as written. */
export type ConfigTree = z.output<typeof configSchema>;
