/**
 * The vault's series: what the monitor tells, and what the open parts can be asked.
 *
 * Labels are operation names, namespaces that were decided on, and outcomes: nothing a stranger can invent. What a tenant
 * can make many of (namespaces) is bounded by the registry.
 */
import type { Traffic } from "@keystead/channel/peer";
import type { Samples } from "@keystead/contract/metrics";
import { ALERT_NAMES } from "@keystead/contract/alerts";
import { eventTypeOf } from "@keystead/contract/event-types";
import { MetricsRegistry, type Counter, type Distribution, type Sample } from "@keystead/contract/metrics-registry";
import type { Operation, Phase } from "@keystead/contract/operation";
import { measureProcess } from "@keystead/contract/process-metrics";
import type { Approvals } from "../approvals/approvals.ts";
import type { AuditObserver } from "../audit/log.ts";
import type { Authenticator } from "../authenticate/authenticate.ts";
import type { Sessions } from "../authenticate/sessions.ts";
import type { OpenVault } from "../ceremonies/unseal.ts";
import type { Budgets } from "../limits/budgets.ts";
import type { RateLimits } from "../limits/rate-limits.ts";
import type { ListingCache } from "../operations/listing-cache.ts";
import type { SoftwareProvider } from "../providers/software.ts";
import type { ScriptGate } from "../scripts/script-gate.ts";
import type { FeederState } from "../sinks/feeder.ts";
import type { Sinks } from "../sinks/sinks.ts";
import type { Alerts } from "./alerts.ts";
import { OperationWindow } from "./operation-window.ts";
import type { Sizes } from "./sizes.ts";

/** The series of one kind of outcome, found once. */
interface Series {
  readonly operations: Counter;
  readonly errors: Counter | undefined;
  readonly durations: Distribution;
  /** A step of retention that this outcome is. */
  readonly step: Counter | undefined;
}

const PHASES: readonly Phase[] = ["sealed", "open", "maintenance", "error"];
/** Kinds of outcomes whose series are kept at hand; beyond, they are looked up again. */
const MOST_AT_HAND = 4096;

/** What is there from the start of the process on. */
export interface AlwaysMeasured {
  readonly phase: () => Phase;
  readonly alerts: () => Pick<Alerts, "firing">;
  readonly limits: Pick<RateLimits, "counters" | "active">;
  readonly authenticator: Pick<Authenticator, "counters" | "census">;
  readonly provider: Pick<SoftwareProvider, "waiting">;
  readonly scripts: Pick<ScriptGate, "counters">;
  readonly sizes: Pick<Sizes, "facts">;
  readonly traffic: Readonly<Traffic>;
  readonly channel: () => { readonly inFlight: number; readonly waitingBytes: number };
  /** Destinations of the connector, and whether each is left alone. */
  readonly breakers: () => Iterable<readonly [origin: string, open: boolean]>;
}

/** What is there while the vault is open. */
export interface OpenMeasured {
  readonly vault: OpenVault;
  readonly listings: Pick<ListingCache<unknown>, "counters">;
  readonly approvals: Pick<Approvals, "pending" | "counters">;
  readonly budgets: Pick<Budgets, "size" | "counters">;
  readonly sessions: Pick<Sessions, "census">;
  readonly sinks: Pick<Sinks, "census"> | undefined;
}

export class Measurements {
  readonly #registry = new MetricsRegistry();
  readonly #operations = this.#registry.counter("hsm_operations_total");
  readonly #errors = this.#registry.counter("hsm_operation_errors_total");
  readonly #events = this.#registry.counter("hsm_audit_events_total");
  readonly #scheduled = this.#registry.counter("hsm_retention_purge_scheduled_total")();
  readonly #completed = this.#registry.counter("hsm_retention_purge_completed_total")();
  readonly #durations;
  readonly #atHand = new Map<Operation, Map<string, Series>>();
  #kindsAtHand = 0;
  #violations = 0;
  /** For alerts. */
  readonly window = new OperationWindow();
  #open: OpenMeasured | undefined;
  /** For the audit log. */
  readonly auditObserver: AuditObserver;

  /** @param buckets upper bounds in seconds; none = summaries alone */
  constructor(buckets: readonly number[], always: AlwaysMeasured) {
    const registry = this.#registry;
    this.#durations = registry.summary("hsm_operation_duration_seconds", {
      name: "hsm_operation_duration_seconds_bucket",
      bounds: buckets,
    });
    const batches = registry.summary("hsm_audit_batch_events")();
    const syncs = registry.summary("hsm_audit_sync_seconds")();
    const commits = registry.summary("hsm_store_commit_seconds")();
    this.auditObserver = {
      batch: (events) => {
        batches.observe(events.length);
        for (const { fields } of events) this.#events(eventTypeOf(fields), resultOf(fields.outcome)).add();
      },
      sync: (seconds) => syncs.observe(seconds),
      commit: (seconds) => commits.observe(seconds),
    };
    this.#measureCallers(always);
    this.#measureKeys();
    this.#measureDecisions(always);
    this.#measureMachine(always);
    measureProcess(registry, "vault");
  }

  /** Looks at these parts from now on. */
  watch(open: OpenMeasured): void {
    this.#open = open;
  }

  /** Told of every finished operation. */
  operation(operation: Operation, namespace: string, outcome: string, seconds: number): void {
    const kind = `${namespace}\u0000${outcome}`;
    const series = this.#atHand.get(operation)?.get(kind) ?? this.#series(operation, namespace, outcome, kind);
    series.operations.add();
    series.errors?.add();
    series.durations.observe(seconds);
    series.step?.add();
    this.window.observe(outcome, seconds);
  }

  get violations(): number {
    return this.#violations;
  }

  integrityViolation(): void {
    this.#violations += 1;
  }

  samples(): Samples {
    return this.#registry.samples();
  }

  #series(operation: Operation, namespace: string, outcome: string, kind: string): Series {
    const name = labelOf(operation.name);
    const series: Series = {
      operations: this.#operations(name, namespace, resultOf(outcome)),
      errors: outcome === "OK" ? undefined : this.#errors(name),
      durations: this.#durations(name),
      step:
        outcome !== "OK"
          ? undefined
          : operation.name === "DestroyKey"
            ? this.#scheduled
            : operation.name === "PurgeKey"
              ? this.#completed
              : undefined,
    };
    if (this.#kindsAtHand >= MOST_AT_HAND) {
      this.#atHand.clear();
      this.#kindsAtHand = 0;
    }
    let kinds = this.#atHand.get(operation);
    if (kinds === undefined) this.#atHand.set(operation, (kinds = new Map()));
    kinds.set(kind, series);
    this.#kindsAtHand += 1;
    return series;
  }

  #measureCallers({ limits, authenticator }: AlwaysMeasured): void {
    const registry = this.#registry;
    const turns = (which: "allowed" | "blocked"): Sample[] =>
      Object.entries(limits.counters).map(([scope, counters]) => [[scope], counters[which]]);
    registry.observed("hsm_rate_limit_allowed_total", () => turns("allowed"));
    registry.observed("hsm_rate_limit_blocked_total", () => turns("blocked"));
    registry.observed("hsm_rate_limit_active", () => limits.active().map(([{ scope }, names]) => [[scope], names] as const));
    registry.observed("hsm_active_sessions", () =>
      [...(this.#open?.sessions.census() ?? [])].map(([namespace, count]) => [[namespace], count] as const),
    );
    registry.observed("hsm_remembered_credentials", () =>
      authenticator.census().map(([{ namespace }, count]) => [[namespace], count] as const),
    );
    registry.observed("hsm_auth_failures_total", () => authenticator.counters.failures);
    registry.observed("hsm_auth_jwt_failure_total", () =>
      Object.entries(authenticator.counters.tokenFailures).map(([reason, count]) => [[reason], count] as const),
    );
  }

  #measureKeys(): void {
    const registry = this.#registry;
    registry.observed("hsm_keys_total", () => this.#keys());
    registry.observed("hsm_retention_queue_length", () => {
      let queued = 0;
      for (const [[, , state], keys] of this.#keys()) if (state === "purge_scheduled") queued += keys;
      return queued;
    });
    const cached = (which: "cacheHits" | "cacheMisses" | "cacheStores" | "rotationNotices") => () =>
      this.#open?.vault.objects.counters[which] ?? 0;
    registry.observed("hsm_key_cache_hits_total", cached("cacheHits"));
    registry.observed("hsm_key_cache_misses_total", cached("cacheMisses"));
    registry.observed("hsm_key_cache_stores_total", cached("cacheStores"));
    registry.observed("hsm_key_rotation_notices_total", cached("rotationNotices"));
    registry.observed("hsm_list_cache_hits_total", () => this.#open?.listings.counters.hits ?? 0);
    registry.observed("hsm_list_cache_misses_total", () => this.#open?.listings.counters.misses ?? 0);
  }

  #measureDecisions({ scripts, alerts }: AlwaysMeasured): void {
    const registry = this.#registry;
    registry.observed("hsm_alerts_firing", () => {
      const firing = alerts().firing();
      return ALERT_NAMES.map((name) => [[name], firing.get(name) ?? 0] as const);
    });
    registry.observed("hsm_approvals_pending", () => this.#open?.approvals.pending() ?? 0);
    registry.observed("hsm_approvals_held_total", () => this.#open?.approvals.counters.held ?? 0);
    registry.observed("hsm_approval_overrides_total", () => this.#open?.approvals.counters.overrides ?? 0);
    registry.observed("hsm_budgets", () => this.#open?.budgets.size ?? 0);
    registry.observed("hsm_budget_refusals_total", () => this.#open?.budgets.counters.refusals ?? 0);
    registry.observed("hsm_script_decisions_total", () =>
      Object.entries(scripts.counters.decisions).map(([decision, count]) => [[decision], count] as const),
    );
    registry.observed("hsm_script_fuel_total", () => scripts.counters.fuel);
    registry.observed("hsm_audit_integrity_violations_total", () => this.#violations);
    registry.observed("hsm_audit_batches_total", () => this.#open?.vault.log.counters.batches ?? 0);
  }

  #measureMachine({ phase, provider, sizes, traffic, channel, breakers }: AlwaysMeasured): void {
    const registry = this.#registry;
    registry.observed("hsm_vault_phase", () => {
      const now = phase();
      return PHASES.map((one) => [[one], one === now ? 1 : 0] as const);
    });
    registry.observed("hsm_pool_waiting", () => provider.waiting);
    registry.observed("hsm_store_size_bytes", () => sizes.facts.storeBytes);
    registry.observed("hsm_audit_log_size_bytes", () => sizes.facts.auditBytes);
    registry.observed("hsm_disk_size_bytes", () => sizes.facts.disks.map(({ disk, size }) => [[disk], size] as const));
    registry.observed("hsm_disk_free_bytes", () => sizes.facts.disks.map(({ disk, free }) => [[disk], free] as const));
    registry.observed("hsm_channel_in_flight", () => [[["vault"], channel().inFlight]]);
    registry.observed("hsm_channel_waiting_bytes", () => [[["vault"], channel().waitingBytes]]);
    registry.observed("hsm_channel_frames_total", () => [
      [["vault", "sent"], traffic.framesSent],
      [["vault", "received"], traffic.framesReceived],
    ]);
    registry.observed("hsm_channel_bytes_total", () => [
      [["vault", "sent"], traffic.bytesSent],
      [["vault", "received"], traffic.bytesReceived],
    ]);
    registry.observed("hsm_connector_breaker_open", () => [
      ...[...breakers()].map(([origin, open]) => [[origin], open ? 1 : 0] as const),
      ...this.#sinks(({ leftAlone }) => (leftAlone ? 1 : 0)),
    ]);
    registry.observed("hsm_sink_behind_events", () => this.#sinks(({ behind }) => behind));
    registry.observed("hsm_sink_set_aside_events", () => this.#sinks(({ standing }) => standing.aside.length));
    registry.observed("hsm_sink_missed_events_total", () => this.#sinks(({ standing }) => standing.missed ?? 0));
  }

  #sinks(value: (state: FeederState) => number): Sample[] {
    return [...(this.#open?.sinks?.census() ?? [])].map(([id, state]) => [[id], value(state)] as const);
  }

  *#keys(): Generator<Sample> {
    for (const [{ namespace, algorithm, state }, keys] of this.#open?.vault.objects.census() ?? [])
      yield [[namespace, algorithm, state], keys];
  }
}

const resultOf = (outcome: string): string => (outcome === "OK" ? "success" : outcome.toLowerCase());

const labels = new Map<string, string>();

/** `GenerateKey` as `generate_key`. */
export function labelOf(name: string): string {
  let label = labels.get(name);
  if (label === undefined) labels.set(name, (label = name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase()));
  return label;
}
