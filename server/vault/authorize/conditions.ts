/**
 * Conditions of policy rules, in CEL: compiled once when their document is applied, evaluated with every decision.
 *
 * The engine is @bufbuild/cel; what may be said at all is condition-types.ts. Nothing here reads a clock or a key: what a
 * condition sees is handed in. An evaluation that fails is neither true nor false, and whoever asked must refuse.
 */
import { celEnv, celFunc, celMethod, CelScalar, isCelError, listType, objectType, parse, plan, type CelInput } from "@bufbuild/cel";
import { timestampFromMs, timestampMs, TimestampSchema, type Timestamp } from "@bufbuild/protobuf/wkt";
import { familyOf } from "@keystead/contract/policy/key-families";
import { addressRule, admits, type AddressRule } from "../address-rule.ts";
import { checkCondition, ConditionMistake, stepsOf, tagsLookedAt, VARIABLES, type Variable } from "./condition-types.ts";
import { localTime } from "./local-time.ts";

/** What is so when a decision is made. */
export interface Situation {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly address: string;
  readonly operation: string;
  readonly namespace: string;
  readonly keyId: string;
  /** Canonical name; empty while there is no key. */
  readonly algorithm: string;
  readonly tags: readonly string[];
  readonly principal: string;
  readonly method: string;
  /** Milliseconds since the epoch of the second factor, when there was one. */
  readonly secondFactorAt: number | undefined;
}

export interface Condition {
  readonly text: string;
  readonly uses: ReadonlySet<Variable>;
  /** It looks at the key. */
  readonly aboutKey: boolean;
  /** What an evaluation costs at most, in nodes looked at. */
  readonly steps: number;
  /** The tags it looks at, if at any. */
  readonly tags: ReadonlySet<string> | "all" | undefined;
  /** @returns "error" when it cannot be said */
  holds(situation: Situation): boolean | "error";
}

const MAX_NESTING = 24;
const NO_SECOND_FACTOR = BigInt(Number.MAX_SAFE_INTEGER);
const TIMESTAMP = objectType(TimestampSchema);
const CEL_TYPES = {
  timestamp: TIMESTAMP,
  string: CelScalar.STRING,
  int: CelScalar.INT,
  "list(string)": listType(CelScalar.STRING),
} as const;

const ranges = new Map<string, AddressRule>();
const RANGES_KEPT = 1024;

function within(address: string, range: string): boolean {
  let rule = ranges.get(range);
  if (rule === undefined) {
    if (ranges.size >= RANGES_KEPT) ranges.clear();
    ranges.set(range, (rule = addressRule([range], []) as AddressRule));
  }
  return admits(rule, address);
}

/** The parts of a time; the engine's own take the machine's time zone for a detour and cost far more. */
const PARTS: readonly (readonly [name: string, part: (date: Date) => number])[] = [
  ["getFullYear", (date) => date.getUTCFullYear()],
  ["getMonth", (date) => date.getUTCMonth()],
  ["getDayOfMonth", (date) => date.getUTCDate() - 1],
  ["getDate", (date) => date.getUTCDate()],
  ["getDayOfWeek", (date) => date.getUTCDay()],
  ["getHours", (date) => date.getUTCHours()],
  ["getMinutes", (date) => date.getUTCMinutes()],
];

const environment = celEnv({
  variables: Object.fromEntries(Object.entries(VARIABLES).map(([name, type]) => [name, CEL_TYPES[type]])),
  funcs: [
    celFunc("in_range", [CelScalar.STRING, CelScalar.STRING], CelScalar.BOOL, within),
    ...PARTS.flatMap(([name, part]) => [
      celMethod(name, TIMESTAMP, [], CelScalar.INT, function () {
        return BigInt(part(localTime(timestampMs(this.message as Timestamp), "UTC")));
      }),
      celMethod(name, TIMESTAMP, [CelScalar.STRING], CelScalar.INT, function (zone) {
        return BigInt(part(localTime(timestampMs(this.message as Timestamp), zone)));
      }),
    ]),
  ],
});

const VALUES: Readonly<Record<Variable, (situation: Situation) => CelInput>> = Object.freeze({
  "request.time": ({ time }) => timestampFromMs(time),
  "request.address": ({ address }) => address,
  "request.operation": ({ operation }) => operation,
  "request.namespace": ({ namespace }) => namespace,
  "key.id": ({ keyId }) => keyId,
  "key.algorithm": ({ algorithm }) => algorithm,
  "key.family": ({ algorithm }) => familyOf(algorithm) ?? "",
  "key.tags": ({ tags }) => tags as CelInput,
  "principal.id": ({ principal }) => principal,
  "principal.method": ({ method }) => method,
  "principal.mfa_age": ({ time, secondFactorAt }) =>
    secondFactorAt === undefined ? NO_SECOND_FACTOR : BigInt(Math.max(0, Math.floor((time - secondFactorAt) / 1000))),
});

/** Compiles and type-checks. @throws {ConditionMistake} saying what is wrong */
export function compileCondition(text: string): Condition {
  if (nesting(text) > MAX_NESTING) throw new ConditionMistake(`is nested deeper than ${MAX_NESTING}`);
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(text);
  } catch (error) {
    throw new ConditionMistake(`cannot be read: ${error instanceof Error ? error.message.slice(0, 120) : ""}`);
  }
  const uses = checkCondition(parsed.expr);
  const names = [...uses];
  const evaluate = plan(environment, parsed) as (values: Readonly<Record<string, CelInput>>) => unknown;
  return Object.freeze({
    text,
    uses,
    aboutKey: names.some((name) => name.startsWith("key.")),
    steps: stepsOf(parsed.expr),
    tags: parsed.expr === undefined ? undefined : tagsLookedAt(parsed.expr),
    holds(situation: Situation): boolean | "error" {
      const values: Record<string, CelInput> = {};
      for (const name of names) values[name] = VALUES[name](situation);
      try {
        const result = evaluate(values);
        return isCelError(result) || typeof result !== "boolean" ? "error" : result;
      } catch {
        return "error";
      }
    },
  });
}

/** How deep brackets stand in one another, those inside texts included: a bound for the parser, which is recursive. */
function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const char of text) {
    if ("([{".includes(char)) deepest = Math.max(deepest, (depth += 1));
    else if (")]}".includes(char)) depth = Math.max(0, depth - 1);
  }
  return deepest;
}
