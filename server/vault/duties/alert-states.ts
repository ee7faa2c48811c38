/**
 * From readings to alerts that fire and are resolved: once each, and not back and forth.
 *
 *      quiet ── beyond the threshold, for a while ──► firing ── well within it, for a while ──► resolved ──► (as quiet)
 *
 * "Well within" is a tenth better than the threshold, so that a value which wavers around it changes nothing. Time is given
 * with each reading; this file has no clock, no timer and keeps nothing on disk.
 */
import { ALERTS, type AlertReading as Reading, type AlertState } from "@keystead/contract/alerts";

export const alertId = ({ alert, subject }: Pick<Reading, "alert" | "subject">): string => (subject === "" ? alert : `${alert}.${subject}`);

interface Tracked {
  state: AlertState | undefined;
  /** Since when it is beyond the threshold, or well within it while it fires. */
  turningSince: number | undefined;
}

/** How much better than its threshold a value must be before its alert is resolved. */
const CLEARANCE = 0.1;

type Level = "beyond" | "near" | "within";

function levelOf({ alert, value, threshold }: Reading): Level {
  if (ALERTS[alert].bad === "high") return value > threshold ? "beyond" : value > threshold * (1 - CLEARANCE) ? "near" : "within";
  return value < threshold ? "beyond" : value < threshold * (1 + CLEARANCE) ? "near" : "within";
}

export class AlertStates {
  readonly #holdMs: number;
  readonly #tracked = new Map<string, Tracked>();

  /** @param known what was firing or resolved before */
  constructor(holdMs: number, known: readonly AlertState[] = []) {
    this.#holdMs = holdMs;
    for (const state of known) this.#tracked.set(alertId(state), { state, turningSince: undefined });
  }

  /** Everything that fires, or has. */
  list(): AlertState[] {
    return [...this.#tracked.values()].flatMap(({ state }) => state ?? []);
  }

  /** Takes the readings of one moment. @returns what began to fire or was resolved by them */
  take(readings: readonly Reading[], now: number): AlertState[] {
    return readings.flatMap((reading) => this.#take(reading, now) ?? []);
  }

  #take(reading: Reading, now: number): AlertState | undefined {
    const id = alertId(reading);
    let tracked = this.#tracked.get(id);
    if (tracked === undefined) this.#tracked.set(id, (tracked = { state: undefined, turningSince: undefined }));
    const { state } = tracked;
    const firing = state?.state === "firing";
    const turning = levelOf(reading) === (firing ? "within" : "beyond");
    if (!turning) {
      tracked.turningSince = undefined;
      if (firing) tracked.state = { ...state, value: reading.value, threshold: reading.threshold, detail: reading.detail };
      return undefined;
    }
    tracked.turningSince ??= now;
    if (ALERTS[reading.alert].held && now - tracked.turningSince < this.#holdMs) return undefined;
    tracked.turningSince = undefined;
    tracked.state = firing
      ? { ...state, ...reading, state: "resolved", until: now }
      : { ...reading, state: "firing", since: now, until: 0 };
    return tracked.state;
  }
}
