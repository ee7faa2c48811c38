/**
 * Policy scripts as the vault and the process that runs them both know them: engines, limits, decisions, frames.
 */

/** What a script may use for one decision. */
export interface ScriptLimits {
  /** Milliseconds until the process that runs it is ended. Fuel runs out earlier for all but the slowest machine. */
  readonly timeMs: number;
  /** Bytes of memory, a multiple of 64 KiB. */
  readonly memoryBytes: number;
  /** Instructions, weighed as docs/operate/policy-scripts.md says. */
  readonly fuel: number;
  /** Bytes of call stack, counted by locals and operands. */
  readonly stackBytes: number;
}

const MIB = 1024 * 1024;

/** The limits there are to choose from. */
export const SCRIPT_LIMITS = Object.freeze({
  default: { timeMs: 100, memoryBytes: 16 * MIB, fuel: 10_000_000, stackBytes: MIB },
  strict: { timeMs: 50, memoryBytes: 4 * MIB, fuel: 1_000_000, stackBytes: MIB },
  relaxed: { timeMs: 1000, memoryBytes: 64 * MIB, fuel: 100_000_000, stackBytes: MIB },
} satisfies Record<string, ScriptLimits>);

export type ScriptLimitsName = keyof typeof SCRIPT_LIMITS;

/** Engines that run scripts, by the name an upload gives. */
export const SCRIPT_ENGINES = Object.freeze(["wasm", "lua"] as const);
export type ScriptEngine = (typeof SCRIPT_ENGINES)[number];

/** What a script says. It refuses or asks for an approval; what was not permitted before, it cannot permit. */
export const SCRIPT_DECISIONS = Object.freeze(["deny", "allow", "require-approval"] as const);
export type ScriptDecision = (typeof SCRIPT_DECISIONS)[number];

/** Largest module or source, bytes. */
export const MAX_SCRIPT_BYTES = MIB;
/** Largest context, bytes of JSON. */
export const MAX_CONTEXT_BYTES = 65_536;
