/**
 * The duty that watches the server for trouble: reads, lets alerts fire and resolve, and records both.
 *
 * Every turn is an event of the audit log (`alert.firing`, `alert.resolved`), so it goes to whoever follows the log; while
 * the vault works normally it is a document too, so that a restart neither forgets an alert nor fires it twice. Turns that
 * cannot be recorded are tried again with the next look. Nothing is decided by an alert.
 */
import { ALERTS, type AlertName, type AlertReading as Reading, type AlertState, type AlertsConfig } from "@keystead/contract/alerts";
import type { GatewayFacts } from "@keystead/channel/gateway-facts";
import type { Logger } from "@keystead/contract/logging";
import type { OpenVault } from "../ceremonies/unseal.ts";
import { AlertStates, alertId } from "./alert-states.ts";
import type { FeederState } from "../sinks/feeder.ts";
import type { Window } from "./operation-window.ts";
import type { Disk } from "./sizes.ts";

type SinkState = Pick<FeederState, "state" | "leftAlone" | "missedNow">;

/** What is looked at. */
export interface AlertSources {
  /** What happened since the last look. */
  readonly window: () => Window;
  /** Share of requests that may be in flight. */
  readonly saturation: () => number;
  readonly disks: () => Promise<readonly Disk[]>;
  readonly violations: () => number;
  /** What log and store are known to be, in words. */
  readonly integrity: () => string;
  /** How each sink goes; undefined while nobody knows, because the vault is sealed. */
  readonly sinks: () => readonly SinkState[] | undefined;
  /** What the gateway said last; undefined when it has not for a while. */
  readonly gateway: () => GatewayFacts | undefined;
}

export interface AlertsOptions {
  readonly config: AlertsConfig;
  readonly sources: AlertSources;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The vault as this duty needs it. */
export type WatchedVault = Pick<OpenVault, "note"> & {
  readonly documents: Pick<OpenVault["documents"], "list" | "record">;
  readonly objects: Pick<OpenVault["objects"], "endingBefore">;
};

/** Fewer operations in a look say nothing of shares and percentiles. */
const LEAST_OPERATIONS = 10;
/** Keys are looked through so often at most. */
const KEYS_EVERY_MS = 600_000;

export class Alerts {
  readonly #options: AlertsOptions;
  #states: AlertStates;
  #vault: WatchedVault | undefined;
  #normal: () => boolean = () => false;
  /** Turns of which the log does not know yet, by id. */
  readonly #unrecorded = new Map<string, AlertState>();
  #lastLook: number | undefined;
  #keysLookedAt = -Infinity;
  #keys: Reading | undefined;
  #underWay: Promise<void> | undefined;

  constructor(options: AlertsOptions) {
    this.#options = options;
    this.#states = new AlertStates(options.config.holdSeconds * 1000);
  }

  /** The vault is open: what fired before still does. @param normal whether documents may be changed now */
  open(vault: WatchedVault, normal: () => boolean): void {
    const stored = vault.documents.list<AlertState>("alert").map(({ value }) => value);
    const known = new Set(stored.map(alertId));
    this.#states = new AlertStates(this.#options.config.holdSeconds * 1000, [
      ...stored,
      // What fired while the vault was sealed, such as damage that was found on the way.
      ...this.#states.list().filter((state) => !known.has(alertId(state))),
    ]);
    this.#vault = vault;
    this.#normal = normal;
    this.#keysLookedAt = -Infinity;
    this.#keys = undefined;
  }

  /** The vault is being sealed; waits for what is being recorded. */
  async close(): Promise<void> {
    this.#vault = undefined;
    await this.#underWay;
  }

  /** Everything that fires, or has; what fires first, then the latest first. */
  list(): readonly AlertState[] {
    const rank = ({ state, since, until }: AlertState): number => (state === "firing" ? 1e15 + since : until);
    return this.#states.list().sort((a, b) => rank(b) - rank(a));
  }

  /** How many of each fire. */
  firing(): Map<AlertName, number> {
    const counts = new Map<AlertName, number>();
    for (const { alert, state } of this.#states.list()) if (state === "firing") counts.set(alert, (counts.get(alert) ?? 0) + 1);
    return counts;
  }

  /** Looks now; while a look is under way, waits for that one. Never rejects. */
  look(): Promise<void> {
    return (this.#underWay ??= this.#look()
      .catch((error: unknown) => this.#options.log.error("alerts could not be looked after", {}, error))
      .finally(() => (this.#underWay = undefined)));
  }

  async #look(): Promise<void> {
    const now = this.#options.now();
    const turns = this.#states.take(await this.#readings(now), now);
    for (const turn of turns) {
      this.#tell(turn);
      this.#unrecorded.set(alertId(turn), turn);
    }
    for (const [id, turn] of this.#unrecorded) {
      const vault = this.#vault;
      if (vault === undefined) return;
      try {
        await this.#record(vault, id, turn);
        this.#unrecorded.delete(id);
      } catch (error) {
        this.#options.log.error("an alert could not be recorded; it is tried again", { alert: id }, error);
        return;
      }
    }
  }

  async #record(vault: WatchedVault, id: string, turn: AlertState): Promise<void> {
    const action = turn.state === "firing" ? "RaiseAlert" : "ResolveAlert";
    const request = `alert.${id}`;
    if (this.#normal()) await vault.documents.record(action, [{ kind: "alert", id }], () => [{ kind: "alert", id, value: turn }], request);
    else await vault.note("alerts", action, request);
  }

  #tell({ alert, subject, state, value, threshold, detail }: AlertState): void {
    const fields = { alert, ...(subject === "" ? {} : { subject }), value, threshold, unit: ALERTS[alert].unit, detail };
    if (state === "resolved") this.#options.log.info("an alert is resolved", fields);
    else if (ALERTS[alert].severity === "critical") this.#options.log.error("an alert fires", fields);
    else this.#options.log.warn("an alert fires", fields);
  }

  async #readings(now: number): Promise<Reading[]> {
    const { config, sources } = this.#options;
    const window = sources.window();
    const minutes = this.#lastLook === undefined ? undefined : (now - this.#lastLook) / 60_000;
    this.#lastLook = now;
    const readings: Reading[] = [];
    const add = (alert: AlertName, threshold: number, value: number, detail: string, subject = ""): void => {
      if (threshold > 0) readings.push({ alert, subject, value, threshold, detail });
    };
    const telling = window.operations >= LEAST_OPERATIONS;
    add("latency", config.latencySeconds, telling ? (window.p99Seconds ?? 0) : 0, `of ${window.operations} operations`);
    add(
      "error_rate",
      config.errorRate,
      telling ? window.faults / window.operations : 0,
      `${window.faults} of ${window.operations} operations`,
    );
    if (minutes !== undefined && minutes > 0)
      add("failed_logins", config.failedLoginsPerMinute, window.unauthenticated / minutes, `${window.unauthenticated} since the last look`);
    add("saturation", config.saturation, sources.saturation(), "requests in the vault", "vault");
    const gateway = sources.gateway();
    for (const [what, share] of Object.entries(gateway?.saturation ?? {}))
      add("saturation", config.saturation, share, `${what} of the gateway`, what);
    for (const [name, end] of Object.entries(gateway?.certificates ?? {}))
      add("certificate_expiry", config.certificateSeconds, (end - now) / 1000, `it ends ${new Date(end).toISOString()}`, name);
    for (const { disk, size, free } of await sources.disks())
      if (size > 0) add("disk", config.diskFree, free / size, `${free} of ${size} bytes are free`, disk);
    // Not to be switched off, and over with the next start that finds nothing.
    readings.push({ alert: "integrity", subject: "", value: sources.violations(), threshold: 0.5, detail: sources.integrity() });
    readings.push(...deliveryReadings(sources.sinks()));
    if (config.keySeconds > 0) readings.push(...(await this.#keysNearTheirEnd(now)));
    return readings;
  }

  async #keysNearTheirEnd(now: number): Promise<Reading[]> {
    const vault = this.#vault;
    if (vault === undefined || !this.#normal()) return [];
    if (now - this.#keysLookedAt >= KEYS_EVERY_MS) {
      this.#keysLookedAt = now;
      const threshold = this.#options.config.keySeconds;
      const { keys, first } = await vault.objects.endingBefore(now + threshold * 1000);
      this.#keys = {
        alert: "key_expiry",
        subject: "",
        value: first === undefined ? threshold * 10 : (first - now) / 1000,
        threshold,
        detail: first === undefined ? "no key ends soon" : `${keys} end soon, the first ${new Date(first).toISOString()}`,
      };
    }
    return this.#keys === undefined ? [] : [this.#keys];
  }
}

/** Not to be switched off: who makes a sink wants its events. What was missed is told until the next start. */
function deliveryReadings(sinks: readonly SinkState[] | undefined): Reading[] {
  if (sinks === undefined) return [];
  const stuck = sinks.filter(({ state, leftAlone }) => state === "blocked" || leftAlone).length;
  const missed = sinks.reduce((sum, { missedNow }) => sum + missedNow, 0);
  return [
    { alert: "delivery", subject: "", value: stuck, threshold: 0.5, detail: `${stuck} of ${sinks.length} sinks` },
    { alert: "delivery_gap", subject: "", value: missed, threshold: 0.5, detail: `${missed} events since the vault was opened` },
  ];
}
