/**
 * The vault's metrics: what the monitor tells, and what the open parts can be asked.
 *
 * Labels are operation names, namespaces that were decided on, and outcomes: nothing a stranger can invent.
 */
import { MetricsRegistry, type Counter, type Histogram } from "@keystead/contract/metrics";
import type { Operation } from "@keystead/contract/operation";
import type { Approvals } from "../approvals/approvals.ts";
import type { Authenticator } from "../authenticate/authenticate.ts";
import type { Sessions } from "../authenticate/sessions.ts";
import type { OpenVault } from "../ceremonies/unseal.ts";
import type { RateLimits } from "../limits/rate-limits.ts";
import type { ListingCache } from "../operations/listing-cache.ts";
import type { SoftwareProvider } from "../providers/software.ts";

interface Series {
  readonly operation: Operation;
  readonly namespace: string;
  readonly outcome: string;
  readonly operations: Counter;
  readonly events: Counter;
  readonly durations: Histogram;
}

export class Measurements {
  readonly #registry = new MetricsRegistry();
  readonly #operations = this.#registry.counter(
    "hsm_operations_total",
    "Operations by outcome; result is success or the error code in lower case.",
    ["operation", "namespace", "result"],
  );
  readonly #durations;
  readonly #events = this.#registry.counter("hsm_audit_events_total", "Events in the audit log since start.", ["event_type", "result"]);
  /** The series of the last operation: the next one is mostly of the same kind. */
  #series: Series | undefined;
  #violations = 0;
  #vault: OpenVault | undefined;
  #provider: SoftwareProvider | undefined;
  #authenticator: Authenticator | undefined;
  #sessions: Pick<Sessions, "census"> | undefined;
  #approvals: Pick<Approvals, "pending" | "counters"> | undefined;
  #listings: Pick<ListingCache<unknown>, "counters"> | undefined;

  /** @param buckets upper bounds in seconds; none = summaries alone */
  constructor(buckets: readonly number[], limits: Pick<RateLimits, "counters" | "active">) {
    const registry = this.#registry;
    const turns = (which: "allowed" | "blocked") =>
      Object.entries(limits.counters).map(([scope, counters]) => [{ scope }, counters[which]] as const);
    registry.observedCounter("hsm_rate_limit_allowed_total", "Requests that a limit let pass, by what is limited.", () => turns("allowed"));
    registry.observedCounter("hsm_rate_limit_blocked_total", "Requests that a limit turned away.", () => turns("blocked"));
    registry.gauge("hsm_rate_limit_active", "Names that are being counted.", () => limits.active());
    this.#durations = registry.histogram("hsm_operation_duration_seconds", "Time from frame to answer, audit included.", buckets, [
      "operation",
    ]);
    registry.gauge(
      "hsm_keys_total",
      "Keys by namespace, algorithm and state, of namespaces used since start.",
      () => this.#vault?.objects.census() ?? [],
    );
    registry.gauge(
      "hsm_active_sessions",
      "Open sessions, by each namespace that their users and service accounts name; * are those that reach all.",
      () => [...(this.#sessions?.census() ?? [])].map(([namespace, count]) => [{ namespace }, count] as const),
    );
    registry.gauge(
      "hsm_remembered_credentials",
      "Verified credentials that are still valid, by their default namespace.",
      () => this.#authenticator?.census() ?? [],
    );
    registry.observedCounter(
      "hsm_audit_integrity_violations_total",
      "Findings of the verification of log and store.",
      () => this.#violations,
    );
    registry.observedCounter("hsm_key_cache_hits_total", "Keys found open.", () => this.#vault?.objects.counters.cacheHits ?? 0);
    registry.observedCounter(
      "hsm_key_cache_misses_total",
      "Keys that had to be opened.",
      () => this.#vault?.objects.counters.cacheMisses ?? 0,
    );
    registry.observedCounter(
      "hsm_list_cache_hits_total",
      "Listings of keys that could be given again.",
      () => this.#listings?.counters.hits ?? 0,
    );
    registry.observedCounter(
      "hsm_list_cache_misses_total",
      "Listings of keys that had to be read.",
      () => this.#listings?.counters.misses ?? 0,
    );
    registry.observedCounter(
      "hsm_key_rotation_notices_total",
      "Keys of which the log said that their policy will soon rotate them.",
      () => this.#vault?.objects.counters.rotationNotices ?? 0,
    );
    registry.gauge("hsm_approvals_pending", "Requests that wait for approval.", () => this.#approvals?.pending() ?? 0);
    registry.observedCounter(
      "hsm_approvals_held_total",
      "Requests that were held back until others agree.",
      () => this.#approvals?.counters.held ?? 0,
    );
    registry.observedCounter(
      "hsm_approval_overrides_total",
      "Emergency overrides of approvals: each is an alarm.",
      () => this.#approvals?.counters.overrides ?? 0,
    );
    registry.observedCounter("hsm_auth_failures_total", "Credentials refused.", () => this.#authenticator?.counters.failures ?? 0);
    registry.observedCounter(
      "hsm_auth_jwt_failure_total",
      "Bearer tokens refused.",
      () => this.#authenticator?.counters.tokenFailures ?? 0,
    );
    registry.observedCounter("hsm_audit_batches_total", "Group commits.", () => this.#vault?.log.counters.batches ?? 0);
    registry.observedCounter("hsm_audit_syncs_total", "Syncs waited for.", () => this.#vault?.log.counters.syncs ?? 0);
    registry.observedCounter(
      "hsm_audit_sync_seconds_total",
      "Seconds spent in those syncs.",
      () => this.#vault?.log.counters.syncSeconds ?? 0,
    );
    registry.gauge("hsm_pool_waiting", "Jobs waiting for the thread pool.", () => this.#provider?.waiting ?? 0);
    registry.gauge("hsm_process_resident_memory_bytes", "Resident memory.", () => [
      [{ part: "vault" }, process.memoryUsage.rss()] as const,
    ]);
  }

  /** Looks at these parts from now on. */
  watch(
    vault: OpenVault,
    provider: SoftwareProvider,
    authenticator: Authenticator,
    listings: Pick<ListingCache<unknown>, "counters">,
    sessions: Pick<Sessions, "census">,
  ): void {
    this.#sessions = sessions;
    this.#listings = listings;
    this.#vault = vault;
    this.#provider = provider;
    this.#authenticator = authenticator;
  }

  /** Looks at these approvals from now on. */
  watchApprovals(approvals: Pick<Approvals, "pending" | "counters">): void {
    this.#approvals = approvals;
  }

  /** Told of every finished operation. */
  operation(operation: Operation, namespace: string, outcome: string, seconds: number): void {
    let series = this.#series;
    if (series === undefined || series.operation !== operation || series.namespace !== namespace || series.outcome !== outcome) {
      const result = outcome === "OK" ? "success" : outcome.toLowerCase();
      const name = labelOf(operation.name);
      series = {
        operation,
        namespace,
        outcome,
        operations: this.#operations(name, namespace, result),
        events: this.#events(name, result),
        durations: this.#durations(name),
      };
      this.#series = series;
    }
    series.operations.add();
    series.events.add();
    series.durations.observe(seconds);
  }

  integrityViolation(): void {
    this.#violations += 1;
  }

  /** Prometheus text. */
  render(): string {
    return this.#registry.render();
  }
}

const labels = new Map<string, string>();

/** `GenerateKey` as `generate_key`. */
function labelOf(name: string): string {
  let label = labels.get(name);
  if (label === undefined) labels.set(name, (label = name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase()));
  return label;
}
