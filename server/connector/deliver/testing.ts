/** For tests of sinks: lines of a log, and what a sink is given. */
import { addressRule } from "../fetch/addresses.ts";
import { sinkEvent, type SinkEvent } from "./event.ts";
import type { Surroundings } from "./sink.ts";

/** A line as the log has it; its MAC is nobody's. */
export function logLine(sequence: number, more: Readonly<Record<string, unknown>> = {}): string {
  const event = {
    action: "GenerateKey",
    authentication: "token",
    batch: sequence,
    decision: "allow",
    key: `key-${sequence}`,
    namespace: "default",
    outcome: "OK",
    payload: "",
    previous: "0".repeat(64),
    principal: "user:ada",
    request: `request-${sequence}`,
    sequence,
    time: "2026-01-31T12:00:00.000Z",
    version: 1,
    ...more,
  };
  return `{"event":${JSON.stringify(event)},"mac":"${"0".repeat(64)}"}`;
}

/** Events with the numbers `from` to `to`. */
export const sinkEvents = (from: number, to: number): SinkEvent[] =>
  Array.from({ length: to - from + 1 }, (_, index) => sinkEvent(logLine(from + index)));

/** Surroundings in which everything on this machine may be dialled. */
export const surroundings = (more: Partial<Surroundings> = {}): Surroundings => ({
  mayDial: addressRule(["127.0.0.1"]),
  authorities: [],
  filesDir: undefined,
  plaintextLoopback: true,
  source: "urn:keystead:test",
  timeoutMs: 5000,
  now: () => Date.now(),
  ...more,
});
