/**
 * Answers the vault: prepares scripts and lets them decide, one at a time, in the order they were asked.
 *
 * A script that fails is an answer, never an exception; the vault makes a refusal of it.
 */
import type { IncomingCall } from "@keystead/channel/peer";
import { MalformedFrame } from "@keystead/channel/frame";
import {
  SCRIPT_CALL,
  decodeDecide,
  decodePrepare,
  encodeAnswer,
  type DecideAnswer,
  type PrepareAnswer,
} from "@keystead/channel/script-call";
import { SCRIPT_LIMITS } from "@keystead/contract/scripts";
import { ScriptFailed, type Prepared } from "./engine.ts";
import { ENGINES } from "./engines/register.ts";
import { ModuleRefused } from "./wasm/bytes.ts";

/** Scripts kept ready; the one that was not asked for longest is forgotten for a new one. */
const MOST_PREPARED = 64;

interface Ready {
  readonly script: Prepared;
  readonly timeMs: number;
}

/** A function that answers frames of the vault. */
export function answerer(): (call: IncomingCall) => Buffer {
  const prepared = new Map<string, Ready>();

  const prepare = (payload: Buffer): PrepareAnswer => {
    const { script, engine, limits, source } = decodePrepare(payload);
    try {
      const { timeMs } = SCRIPT_LIMITS[limits];
      const made = ENGINES[engine].prepare(Uint8Array.from(source), SCRIPT_LIMITS[limits]);
      const [oldest] = prepared.keys();
      if (prepared.size >= MOST_PREPARED && oldest !== undefined) prepared.delete(oldest);
      prepared.set(script, { script: made, timeMs });
      return { ready: true };
    } catch (error) {
      if (error instanceof ModuleRefused) return { refused: error.message };
      return { refused: `the script cannot be prepared: ${error instanceof Error ? error.message : String(error)}` };
    }
  };

  const decide = (payload: Buffer): DecideAnswer => {
    const { script, context } = decodeDecide(payload);
    const ready = prepared.get(script);
    if (ready === undefined) return { unknown: true };
    // The one asked last is the last to be forgotten.
    prepared.delete(script);
    prepared.set(script, ready);
    settleAfter(ready.script);
    const before = process.threadCpuUsage();
    try {
      const verdict = ready.script.decide(context);
      const { user, system } = process.threadCpuUsage(before);
      const usedMs = (user + system) / 1000;
      if (usedMs > ready.timeMs)
        return { failed: `it took ${Math.ceil(usedMs)} ms; its limit is ${ready.timeMs}`, reason: "time", fuel: verdict.fuel };
      return verdict;
    } catch (error) {
      if (error instanceof ScriptFailed) return { failed: error.message, reason: error.reason, fuel: error.fuel };
      return { failed: error instanceof Error ? error.message : String(error), reason: "error", fuel: 0 };
    }
  };

  /** The script is made ready for its next decision when the answer to this one has left. */
  const settleAfter = ({ settle }: Prepared): void => {
    if (settle === undefined) return;
    // The channel sends at the end of this turn of the event loop, and is asked to after this: what begins now ends later.
    queueMicrotask(() =>
      setImmediate(() => {
        try {
          settle();
        } catch {
          // The next decision tries again, and says so.
        }
      }),
    );
  };

  return ({ operation, payload }) => {
    if (operation === SCRIPT_CALL.prepare) return encodeAnswer(prepare(payload));
    if (operation === SCRIPT_CALL.decide) return encodeAnswer(decide(payload));
    if (operation === SCRIPT_CALL.ready) return encodeAnswer({ ready: true });
    throw new MalformedFrame("scripts prepare and decide, nothing else");
  };
}
