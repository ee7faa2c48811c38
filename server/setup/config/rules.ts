/**
 * What must hold between keys once all layers are merged: one rule per function, all of them run. Whether named
 * files exist is not asked here (see referenced-files.ts).
 */
import { isIP } from "node:net";
import { outOfPlace } from "@keystead/contract/server-wide";
import { finding, type Finding, type Rule } from "./finding.ts";
import { IDENTITY_RULES } from "./identity-rules.ts";
import type { ConfigTree } from "./schema.ts";

export const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

/** TLS is only optional where nobody's keys are at stake. */
const tlsInProduction: Rule = ({ preset, server }) =>
  finding(
    preset === "production" && !server.tls_enabled,
    "server.tls_enabled",
    "false is not allowed in production",
    "write true, or use the development or test preset",
  );

/** An open TLS listener needs its files. */
const tlsFiles: Rule = ({ server }) => {
  if (!server.tls_enabled || !(server.api_enabled || server.grpc_enabled)) return [];
  return (["tls_cert_path", "tls_key_path", "tls_ca_cert_path"] as const).flatMap((name) =>
    finding(server[name] === undefined, `server.${name}`, "it is missing", "name a PEM file"),
  );
};

/** Listeners without client certificates exist in development only (C23). */
const clientAuth: Rule = ({ preset, server }) =>
  (["client_auth", "api_client_auth", "grpc_client_auth"] as const).flatMap((name) =>
    finding(
      preset !== "development" && server[name] === "none",
      `server.${name}`,
      `none is not allowed in ${preset}`,
      "write required, or optional for a listener that browsers use",
    ),
  );

/** The listeners without login never leave the development preset, nor the machine. */
const plaintext: Rule = ({ preset, server, development }) => [
  ...finding(
    development.plaintext && preset !== "development",
    "development.plaintext",
    `true is not allowed in ${preset}`,
    "write false, or use the development preset",
  ),
  ...finding(
    development.plaintext && preset === "development" && server.health_enabled && !LOOPBACK.includes(server.health_host),
    "server.health_host",
    "it is not a loopback address, and development.plaintext serves REST without login there",
    "write 127.0.0.1, or set development.plaintext: false",
  ),
];

/** Two listeners cannot have one port of one address. */
const ports: Rule = ({ server, metrics, development }) => {
  const grpcHost = development.plaintext ? "127.0.0.1" : server.host;
  const listeners = [
    { key: "server.port", host: grpcHost, port: server.port, on: server.grpc_enabled },
    { key: "server.api_port", host: server.host, port: server.api_port, on: server.api_enabled && server.tls_enabled },
    { key: "server.health_port", host: server.health_host, port: server.health_port, on: server.health_enabled },
    { key: "metrics.listen_port", host: metrics.listen_addr, port: metrics.listen_port, on: metrics.enabled },
  ].filter(({ on, port }) => on && port !== 0);
  const everywhere = (host: string) => host === "0.0.0.0" || host === "::";
  return listeners.flatMap((listener, at) => {
    const other = listeners
      .slice(0, at)
      .find(({ host, port }) => port === listener.port && (host === listener.host || everywhere(host) || everywhere(listener.host)));
    return finding(other !== undefined, listener.key, `port ${listener.port} is taken by ${other?.key}`, "choose another port");
  });
};

/** C28: short passphrases are for development. */
const passphraseLength: Rule = ({ preset, security }) =>
  finding(
    preset === "production" && security.min_password_length < 8,
    "security.min_password_length",
    `${security.min_password_length} is too short in production`,
    "write 8 or more",
  );

/** One way to unseal, and what it needs. */
const unseal: Rule = ({ unseal: { method, master_key, passphrase } }) => {
  if (method === "none") return [];
  if (method === undefined && master_key !== undefined && passphrase !== undefined)
    return finding(true, "unseal.passphrase", "unseal.master_key is set too", "keep one of the two, or say which by unseal.method");
  if (method === "passphrase" || (method === undefined && passphrase !== undefined))
    return finding(passphrase === undefined, "unseal.passphrase", "it is missing", "name the passphrase: file:/path, env:NAME or fd:N");
  return finding(
    master_key === undefined,
    "unseal.master_key",
    "it is missing",
    "name the secret (file:/path, env:NAME or fd:N), or write unseal.method: none to start sealed",
  );
};

const telemetry: Rule = ({ telemetry: { endpoint, interval_seconds, ...others } }) => {
  const { protocol, hostname } = endpoint === undefined ? { protocol: "https:", hostname: "" } : new URL(endpoint);
  return [
    ...finding(
      protocol !== "https:" && !["127.0.0.1", "[::1]", "localhost"].includes(hostname),
      "telemetry.endpoint",
      "what is sent would be readable on the way",
      "write an address with https://, or one of a collector on this machine",
    ),
    ...finding(
      interval_seconds < 1 || interval_seconds > 3600,
      "telemetry.interval_seconds",
      "it is not between a second and an hour",
      "write 1 to 3600, or 1s to 1h",
    ),
    ...finding(
      endpoint === undefined && others.ca_path !== undefined,
      "telemetry.ca_path",
      "nothing is sent without telemetry.endpoint",
      "write telemetry.endpoint, or remove the key",
    ),
  ];
};

/** What is done after so many seconds is not done all the time, and timers do not overflow. */
const auditPace: Rule = ({ audit }) =>
  (["checkpoint_seconds", "segment_seconds"] as const).flatMap((name) =>
    finding(audit[name] < 1 || audit[name] > 2_000_000, `audit.${name}`, "it is not between a second and 23 days", "write 1s to 23d"),
  );

const alerts: Rule = ({ alerts: { interval_seconds } }) =>
  finding(
    interval_seconds < 1 || interval_seconds > 3600,
    "alerts.interval_seconds",
    "it is not between a second and an hour",
    "write 1 to 3600, or 1s to 1h",
  );

const collection: Rule = ({ metrics }) =>
  finding(
    metrics.collection_interval_seconds < 1 || metrics.collection_interval_seconds > 86_400,
    "metrics.collection_interval_seconds",
    "it is not between a second and a day",
    "write 1 to 86400, or 1s to 1d",
  );

/** Bind addresses of the plain listeners must be addresses when they are not names of this machine. */
const addresses: Rule = ({ metrics }) =>
  finding(
    isIP(metrics.listen_addr) === 0 && metrics.listen_addr !== "localhost",
    "metrics.listen_addr",
    "it is not an IP address",
    "write 127.0.0.1, 0.0.0.0, or this machine's address",
  );

/** A delay that no request may ask for cannot be the one that is meant when none asks. */
const destructionDelay: Rule = ({ lifecycle }) => [
  ...finding(
    lifecycle.destruction_delay_seconds < lifecycle.min_destruction_delay_seconds,
    "lifecycle.destruction_delay_seconds",
    "it is less than lifecycle.min_destruction_delay_seconds",
    "write at least as much",
  ),
  ...finding(
    lifecycle.namespace_deletion_delay_seconds < lifecycle.min_namespace_deletion_delay_seconds,
    "lifecycle.namespace_deletion_delay_seconds",
    "it is less than lifecycle.min_namespace_deletion_delay_seconds",
    "write at least as much",
  ),
  ...finding(lifecycle.interval_seconds < 1, "lifecycle.interval_seconds", "it is less than a second", "write 1 or more"),
];

/** What lives for no time at all is gone before it can be used. */
const pkcs11: Rule = ({ pkcs11: { session_key_idle_seconds } }) =>
  finding(session_key_idle_seconds < 1, "pkcs11.session_key_idle_seconds", "it is less than a second", "write 1 or more");

/** A path of a database that is not used would be believed to be. */
const sqlitePath: Rule = ({ storage }) =>
  finding(
    storage.sqlite_path !== undefined && storage.backend !== "sqlite",
    "storage.sqlite_path",
    `storage.backend is ${storage.backend}`,
    "write storage.backend: sqlite, or remove the path",
  );

/** A session shorter than its tokens, or one that outlives a day, is a slip. */
const sessions: Rule = ({ security: { session_timeout_seconds: session, access_token_seconds: token } }) => [
  ...finding(
    session < 60 || session > 86_400,
    "security.session_timeout_seconds",
    "it is not between a minute and a day",
    "write 60 to 86400",
  ),
  ...finding(token < 10 || token > 3600, "security.access_token_seconds", "it is not between 10 seconds and an hour", "write 10 to 3600"),
  ...finding(token > session, "security.access_token_seconds", "it is more than security.session_timeout_seconds", "write at most as much"),
];

/** W3C Web Authentication §5.1.3: a domain is registered for by itself and what lies below it, over TLS or on this machine. */
const webAuthn: Rule = ({ auth: { webauthn } }) =>
  (webauthn?.origins ?? []).flatMap((origin) => {
    const url = URL.parse(origin);
    const id = webauthn?.rp_id ?? "";
    const fits =
      url !== null &&
      url.origin === origin &&
      (url.hostname === id || url.hostname.endsWith(`.${id}`)) &&
      (url.protocol === "https:" || (url.protocol === "http:" && url.hostname === "localhost"));
    return finding(
      !fits,
      "auth.webauthn.origins",
      `${origin} is no origin of auth.webauthn.rp_id`,
      "write origins such as https://hsm.example.com, without a path, whose host is the rp_id or below it",
    );
  });

/** Approvals are in the key store: naming another place would be believed. */
const approvalStore: Rule = ({ approvals, storage }) =>
  finding(
    approvals.store !== undefined && approvals.store !== storage.backend,
    "approvals.store",
    `storage.backend is ${storage.backend}, and approvals are kept there`,
    "remove the key",
  );

/** What would let one person count as two, or a rule be taken for another. */
const approvalNames: Rule = ({ approvals }) => {
  const names = approvals.rules.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  const principals = Object.values(approvals.persons).flat();
  const shared = principals.find((principal, at) => principals.indexOf(principal) !== at);
  const instant = approvals.rules.findIndex(({ expiry_seconds }) => expiry_seconds !== undefined && expiry_seconds < 1);
  return [
    ...finding(twice !== undefined, "approvals.rules", `two rules are called ${twice}`, "give each a name of its own"),
    ...finding(shared !== undefined, "approvals.persons", `${shared} is listed twice`, "a principal belongs to one person"),
    ...finding(instant !== -1, `approvals.rules[${instant}].expiry_seconds`, "nobody could agree in less than a second", "write 1 or more"),
  ];
};

/** Only a store whose files are ours can overwrite them. */
const shredding: Rule = ({ storage: { backend, shred_iterations } }) =>
  finding(
    shred_iterations > 0 && (backend === "sqlite" || backend === "memory"),
    "storage.shred_iterations",
    backend === "memory" ? "nothing of the memory store is on a disk" : "SQLite moves what it writes, and zeroes what it deletes by itself",
    "write 0, or storage.backend: filesystem",
  );

/** Only what is in the archive is ever deleted. */
const auditRetention: Rule = ({ audit: { retention_days: days, archive_path, archive_after_days } }) => [
  ...finding(
    days !== undefined && archive_path === undefined,
    "audit.retention_days",
    "only segments in an archive are deleted, and there is none",
    "name audit.archive_path",
  ),
  ...finding(
    days !== undefined && days < archive_after_days,
    "audit.retention_days",
    "it is less than audit.archive_after_days",
    "keep events at least until they are archived",
  ),
];

/** A log in memory is in no database. */
const auditStore: Rule = ({ storage: { backend }, audit: { store } }) =>
  finding(
    backend === "memory" && store !== "files",
    "audit.store",
    "with storage.backend: memory the log is in memory too",
    "write files, or another storage.backend",
  );

/** What is read like a file, and nothing that has to be spoken to. */
const hardwareRandom: Rule = ({ crypto: { hardware_random: path = "" } }) => [
  ...finding(
    /^(tpm:|\/dev\/tpm)/.test(path),
    "crypto.hardware_random",
    "a TPM is spoken to, not read",
    "write /dev/hwrng: Linux reads the TPM's random numbers through it (docs/operate/observe.md)",
  ),
  ...finding(
    path.startsWith("pkcs11:") || /\.(so|dll|dylib)(\.|$)/.test(path),
    "crypto.hardware_random",
    "a PKCS#11 module is native code, and the vault loads none",
    "name a device that can be read, such as /dev/hwrng",
  ),
];

/** A rule with namespaces is never about what is the server's, and would look as if it were. */
const approvalPlaces: Rule = ({ approvals }) =>
  approvals.rules.flatMap((rule) =>
    outOfPlace(rule).flatMap((name) =>
      finding(
        true,
        "approvals.rules",
        `${rule.name} has namespaces, and ${name} is about the server, in none of them`,
        "give it a rule without namespaces",
      ),
    ),
  );

const RULES: readonly Rule[] = [
  hardwareRandom,
  ...IDENTITY_RULES,
  shredding,
  auditStore,
  auditRetention,
  tlsInProduction,
  tlsFiles,
  clientAuth,
  plaintext,
  ports,
  passphraseLength,
  unseal,
  addresses,
  auditPace,
  alerts,
  collection,
  telemetry,
  destructionDelay,
  pkcs11,
  sqlitePath,
  approvalStore,
  approvalNames,
  approvalPlaces,
  sessions,
  webAuthn,
];

/** Everything that does not hold. */
export function brokenRules(config: ConfigTree): readonly Finding[] {
  return RULES.flatMap((rule) => rule(config));
}
