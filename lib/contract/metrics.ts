/**
 * The table of series: what there is to read at `/metrics`, and nothing else. The registries of the processes, the
 * reference page, the dashboard and the alert rules of deploy/, and the tests read it.
 *
 * A label whose values callers could multiply is named in `bounded`: beyond a limit its values are counted together as
 * `other`, so that nobody can make the server remember names without end.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */

/** `untyped`: buckets beside a summary, because one name cannot be both a summary and a histogram. */
export type MetricType = "counter" | "gauge" | "summary" | "untyped";
export type MeasuredPart = "gateway" | "vault";

export interface MetricRow {
  readonly type: MetricType;
  /** Without `quantile`, which every summary has. */
  readonly labels: readonly string[];
  /** The label that is given up first when there are too many. */
  readonly bounded?: string;
  /** Who has it. A series of both has the label `part`. */
  readonly parts: readonly MeasuredPart[];
  /** Name under `metrics.legacy_names`. */
  readonly legacy?: string;
  /** Present only with `metrics.enable_histograms`. */
  readonly histogram?: true;
  readonly help: string;
}

const vault = ["vault"] as const;
const gateway = ["gateway"] as const;
const both = ["gateway", "vault"] as const;

export const METRICS = Object.freeze({
  hsm_build_info: { type: "gauge", labels: ["version"], parts: gateway, help: "1, with the version that runs." },

  hsm_vault_phase: {
    type: "gauge",
    labels: ["phase"],
    parts: vault,
    help: "1 for the phase that the vault is in: sealed, open, maintenance or error.",
  },

  hsm_alerts_firing: { type: "gauge", labels: ["alert"], parts: vault, help: "Alerts of the vault's own that fire, by name." },

  hsm_operations_total: {
    type: "counter",
    labels: ["operation", "namespace", "result"],
    bounded: "namespace",
    parts: vault,
    help: "Operations by outcome; result is success or the error code in lower case.",
  },
  hsm_operation_errors_total: {
    type: "counter",
    labels: ["operation"],
    parts: vault,
    legacy: "ferrohsm_operation_errors_total",
    help: "Operations that were refused or failed.",
  },
  hsm_operation_duration_seconds: {
    type: "summary",
    labels: ["operation"],
    parts: vault,
    legacy: "ferrohsm_operation_duration_seconds",
    help: "Time from frame to answer, audit included.",
  },
  hsm_operation_duration_seconds_bucket: {
    type: "untyped",
    labels: ["operation", "le"],
    parts: vault,
    histogram: true,
    help: "The same time as histogram buckets.",
  },

  hsm_keys_total: {
    type: "gauge",
    labels: ["namespace", "algorithm", "state"],
    bounded: "namespace",
    parts: vault,
    help: "Keys by namespace, algorithm and state, of the namespaces counted so far.",
  },
  hsm_active_sessions: {
    type: "gauge",
    labels: ["namespace"],
    bounded: "namespace",
    parts: vault,
    help: "Open sessions, by each namespace that their users and service accounts name; * are those that reach all.",
  },
  hsm_remembered_credentials: {
    type: "gauge",
    labels: ["namespace"],
    bounded: "namespace",
    parts: vault,
    help: "Verified credentials that are still valid, by their default namespace.",
  },
  hsm_auth_failures_total: { type: "counter", labels: [], parts: vault, help: "Credentials refused." },
  hsm_auth_jwt_failure_total: {
    type: "counter",
    labels: ["reason"],
    parts: vault,
    legacy: "ferrohsm_auth_jwt_failure_total",
    help: "Bearer tokens refused, by the reason, which callers are not told.",
  },

  hsm_rate_limit_allowed_total: {
    type: "counter",
    labels: ["scope"],
    parts: vault,
    legacy: "ferrohsm_rate_limit_allowed_total",
    help: "Requests that a limit let pass, by what is limited.",
  },
  hsm_rate_limit_blocked_total: {
    type: "counter",
    labels: ["scope"],
    parts: vault,
    legacy: "ferrohsm_rate_limit_blocked_total",
    help: "Requests that a limit turned away.",
  },
  hsm_rate_limit_active: { type: "gauge", labels: ["scope"], parts: vault, help: "Names that are being counted." },
  hsm_budgets: { type: "gauge", labels: [], parts: vault, help: "Budgets of uses that are set." },
  hsm_budget_refusals_total: { type: "counter", labels: [], parts: vault, help: "Uses refused because a budget was used up." },

  hsm_key_cache_hits_total: {
    type: "counter",
    labels: [],
    parts: vault,
    legacy: "ferrohsm_key_cache_hit_total",
    help: "Keys found open.",
  },
  hsm_key_cache_misses_total: {
    type: "counter",
    labels: [],
    parts: vault,
    legacy: "ferrohsm_key_cache_miss_total",
    help: "Keys that had to be opened.",
  },
  hsm_key_cache_stores_total: {
    type: "counter",
    labels: [],
    parts: vault,
    legacy: "ferrohsm_key_cache_store_total",
    help: "Keys that were put among the open ones.",
  },
  hsm_list_cache_hits_total: { type: "counter", labels: [], parts: vault, help: "Listings of keys that could be given again." },
  hsm_list_cache_misses_total: { type: "counter", labels: [], parts: vault, help: "Listings of keys that had to be read." },

  hsm_key_rotation_notices_total: {
    type: "counter",
    labels: [],
    parts: vault,
    help: "Keys of which the log said that their policy will soon rotate them.",
  },
  hsm_retention_purge_scheduled_total: {
    type: "counter",
    labels: [],
    parts: vault,
    legacy: "ferrohsm_retention_purge_scheduled_total",
    help: "Destructions of keys that were scheduled.",
  },
  hsm_retention_purge_completed_total: {
    type: "counter",
    labels: [],
    parts: vault,
    legacy: "ferrohsm_retention_purge_completed_total",
    help: "Scheduled destructions that were carried out.",
  },
  hsm_retention_queue_length: {
    type: "gauge",
    labels: [],
    parts: vault,
    legacy: "ferrohsm_retention_queue_length",
    help: "Keys whose destruction is scheduled.",
  },

  hsm_approvals_pending: { type: "gauge", labels: [], parts: vault, help: "Requests that wait for approval." },
  hsm_approvals_held_total: { type: "counter", labels: [], parts: vault, help: "Requests that were held back until others agree." },
  hsm_approval_overrides_total: { type: "counter", labels: [], parts: vault, help: "Emergency overrides of approvals: each is an alarm." },
  hsm_script_decisions_total: {
    type: "counter",
    labels: ["decision"],
    parts: vault,
    help: "Decisions of policy scripts: allow, deny, require-approval, or none when a script came to no decision.",
  },
  hsm_script_fuel_total: { type: "counter", labels: [], parts: vault, help: "Fuel that policy scripts used." },

  hsm_audit_events_total: {
    type: "counter",
    labels: ["event_type", "result"],
    parts: vault,
    help: "Events of the audit log by type, as sinks name it, and by outcome.",
  },
  hsm_audit_integrity_violations_total: {
    type: "counter",
    labels: [],
    parts: vault,
    help: "Findings of the verification of log and store.",
  },
  hsm_audit_batches_total: { type: "counter", labels: [], parts: vault, help: "Group commits." },
  hsm_audit_batch_events: { type: "summary", labels: [], parts: vault, help: "Events of one group commit." },
  hsm_audit_sync_seconds: { type: "summary", labels: [], parts: vault, help: "Time of one durable write of the log." },
  hsm_store_commit_seconds: { type: "summary", labels: [], parts: vault, help: "Time of one transaction of the key store." },
  hsm_store_size_bytes: {
    type: "gauge",
    labels: [],
    parts: vault,
    help: "Size of the key store's database and its journal; only where the store is a database.",
  },
  hsm_audit_log_size_bytes: { type: "gauge", labels: [], parts: vault, help: "Size of the files of the audit log." },
  hsm_disk_size_bytes: { type: "gauge", labels: ["disk"], parts: vault, help: "Size of the file systems of data and audit log." },
  hsm_disk_free_bytes: { type: "gauge", labels: ["disk"], parts: vault, help: "What is free of them." },

  hsm_channel_frames_total: { type: "counter", labels: ["part", "direction"], parts: both, help: "Frames between gateway and vault." },
  hsm_channel_bytes_total: { type: "counter", labels: ["part", "direction"], parts: both, help: "Bytes of those frames." },
  hsm_channel_in_flight: { type: "gauge", labels: ["part"], parts: both, help: "Requests without an answer." },
  hsm_channel_waiting_bytes: { type: "gauge", labels: ["part"], parts: both, help: "Bytes that wait to be written." },
  hsm_connector_breaker_open: {
    type: "gauge",
    labels: ["origin"],
    parts: vault,
    help: "1 while a destination is left alone because it failed again and again: an origin that the vault asks, or a sink, by its id.",
  },
  hsm_sink_behind_events: { type: "gauge", labels: ["sink"], parts: vault, help: "Events of the log that a sink has not looked at yet." },
  hsm_sink_set_aside_events: { type: "gauge", labels: ["sink"], parts: vault, help: "Events that a sink's receiver refused for good." },
  hsm_sink_missed_events_total: {
    type: "counter",
    labels: ["sink"],
    parts: vault,
    help: "Events that were gone from the log, for their age or by damage, before a sink had them.",
  },

  hsm_gateway_requests_total: { type: "counter", labels: ["surface", "code"], parts: gateway, help: "Requests by surface and outcome." },
  hsm_gateway_in_flight: { type: "gauge", labels: [], parts: gateway, help: "Requests that wait for the vault." },
  hsm_gateway_in_flight_limit: { type: "gauge", labels: [], parts: gateway, help: "How many may." },
  hsm_gateway_connections: { type: "gauge", labels: [], parts: gateway, help: "Open connections." },
  hsm_gateway_connections_limit: { type: "gauge", labels: [], parts: gateway, help: "How many each listener may have." },
  hsm_tls_certificate_expiry_timestamp_seconds: {
    type: "gauge",
    labels: ["certificate"],
    parts: gateway,
    help: "When the certificates of the listeners end, in seconds since the epoch.",
  },
  hsm_vault_connected: { type: "gauge", labels: [], parts: gateway, help: "1 while the vault is connected." },

  hsm_pool_waiting: { type: "gauge", labels: [], parts: vault, help: "Costly operations that wait for a processor." },
  hsm_event_loop_lag_seconds: {
    type: "gauge",
    labels: ["part"],
    parts: both,
    help: "99th percentile of the event loop's lag since the last reading.",
  },
  hsm_process_resident_memory_bytes: { type: "gauge", labels: ["part"], parts: both, help: "Resident memory." },
  hsm_process_cpu_seconds_total: { type: "counter", labels: ["part"], parts: both, help: "Processor time used since start." },
} as const satisfies Record<string, MetricRow>);

export type MetricName = keyof typeof METRICS;
export const METRIC_NAMES = Object.freeze(Object.keys(METRICS)) as readonly MetricName[];

/** What one process has to say: lines of samples by series. */
export type Samples = Partial<Record<MetricName, string>>;

/** The row as a row, without its literal types. */
export const metricRow = (name: MetricName): MetricRow => METRICS[name];
