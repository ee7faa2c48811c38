/**
 * The types of conditions: which variables and functions there are, and whether an expression fits together.
 *
 * The language is CEL without what a condition has no need of: no maps, no messages, no unsigned or floating numbers, no
 * regular expressions, no conversions but of literals. An expression is checked whole when its document is applied: an
 * unknown name, a wrong type, a range or time zone that is none is found then, and not when somebody needs a key.
 *
 * @see https://github.com/google/cel-spec/blob/master/doc/langdef.md
 */
import { isIP } from "node:net";
import type { Expr } from "@bufbuild/cel-spec/cel/expr/syntax_pb.js";

/** What conditions may look at. */
export const VARIABLES = Object.freeze({
  "request.time": "timestamp",
  "request.address": "string",
  "request.operation": "string",
  "request.namespace": "string",
  "key.id": "string",
  "key.algorithm": "string",
  "key.family": "string",
  "key.tags": "list(string)",
  "principal.id": "string",
  "principal.method": "string",
  /** Seconds since the second factor; 9007199254740991 when there was none. */
  "principal.mfa_age": "int",
} as const);
export type Variable = keyof typeof VARIABLES;

type Type = "bool" | "int" | "string" | "timestamp" | "duration" | "list(string)" | "list(int)";

/** A function's argument types, the target of a method first, and its result. */
type Signature = readonly [result: Type, ...args: Type[]];

const ORDERED: readonly Type[] = ["int", "string", "timestamp", "duration"];
const compared = (types: readonly Type[]): readonly Signature[] => types.map((type) => ["bool", type, type] as const);
const EQUAL = compared(["bool", ...ORDERED, "list(string)", "list(int)"]);
const ORDER = compared(ORDERED);
const ARITHMETIC: readonly Signature[] = [["int", "int", "int"]];
const PART: readonly Signature[] = [
  ["int", "timestamp"],
  ["int", "timestamp", "string"],
];
const TEXT: readonly Signature[] = [["bool", "string", "string"]];

const FUNCTIONS: Readonly<Record<string, readonly Signature[]>> = Object.freeze({
  "_&&_": [["bool", "bool", "bool"]],
  "_||_": [["bool", "bool", "bool"]],
  "!_": [["bool", "bool"]],
  "@not_strictly_false": [["bool", "bool"]],
  "_==_": EQUAL,
  "_!=_": EQUAL,
  "_<_": ORDER,
  "_<=_": ORDER,
  "_>_": ORDER,
  "_>=_": ORDER,
  "_+_": [
    ["int", "int", "int"],
    ["string", "string", "string"],
    ["timestamp", "timestamp", "duration"],
    ["timestamp", "duration", "timestamp"],
    ["duration", "duration", "duration"],
  ],
  "_-_": [
    ["int", "int", "int"],
    ["duration", "timestamp", "timestamp"],
    ["timestamp", "timestamp", "duration"],
    ["duration", "duration", "duration"],
  ],
  "_*_": ARITHMETIC,
  "_/_": ARITHMETIC,
  "_%_": ARITHMETIC,
  "-_": [["int", "int"]],
  "@in": [
    ["bool", "string", "list(string)"],
    ["bool", "int", "list(int)"],
  ],
  size: [
    ["int", "string"],
    ["int", "list(string)"],
    ["int", "list(int)"],
  ],
  startsWith: TEXT,
  endsWith: TEXT,
  contains: TEXT,
  in_range: TEXT,
  timestamp: [["timestamp", "string"]],
  duration: [["duration", "string"]],
  getFullYear: PART,
  getMonth: PART,
  getDayOfMonth: PART,
  getDate: PART,
  getDayOfWeek: PART,
  getHours: PART,
  getMinutes: PART,
});

/** Functions called as `target.name(...)`. */
const METHODS: ReadonlySet<string> = new Set([
  "startsWith",
  "endsWith",
  "contains",
  "size",
  ...Object.keys(FUNCTIONS).filter((name) => name.startsWith("get")),
]);

/** Arguments that must be written out, by the argument's position, so that they can be checked now. */
const LITERAL: Readonly<Record<string, readonly [position: number, check: (text: string) => boolean, what: string]>> = Object.freeze({
  in_range: [1, isRange, "in_range takes an address or range such as 10.0.0.0/8"],
  timestamp: [0, isTime, "timestamp takes a time such as 2030-01-31T12:00:00Z"],
  duration: [0, (text) => /^-?(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s)){1,4}$/.test(text), "duration takes a length such as 90s or 1h30m"],
  ...Object.fromEntries(
    Object.keys(FUNCTIONS)
      .filter((name) => name.startsWith("get"))
      .map((name) => [name, [1, isTimeZone, `${name} takes a time zone such as Europe/Berlin`] as const]),
  ),
});

/** What is wrong with an expression. */
export class ConditionMistake extends Error {}

/** Tags of a key at most: the longest list that is not written out. */
const MOST_TAGS = 64;

/** How many nodes an evaluation looks at, at most: those inside exists, all and exists_one once for each element. */
export function stepsOf(expression: Expr | undefined): number {
  const kind = expression?.exprKind;
  const sum = (inner: readonly (Expr | undefined)[]): number => inner.reduce((total, one) => total + stepsOf(one), 0);
  switch (kind?.case) {
    case undefined:
      return 0;
    case "callExpr":
      return 1 + sum([kind.value.target, ...kind.value.args]);
    case "listExpr":
      return 1 + sum(kind.value.elements);
    case "comprehensionExpr": {
      const { accuInit, iterRange, loopCondition, loopStep, result } = kind.value;
      const range = stepsOf(iterRange);
      // No list is longer than what it is written with, or a key's tags.
      return range + sum([accuInit, result]) + Math.max(MOST_TAGS, range) * sum([loopCondition, loopStep]);
    }
    default:
      return 1;
  }
}

/**
 * The tags that a condition looks at: those it names by `"tag" in key.tags`; "all" when it looks at them in any other way;
 * undefined when it does not.
 */
export function tagsLookedAt(expression: Expr): ReadonlySet<string> | "all" | undefined {
  const named = new Set<string>();
  let all = false;
  const walk = (one: Expr | undefined): void => {
    const kind = one?.exprKind;
    if (kind?.case === "callExpr") {
      const { function: name, target, args } = kind.value;
      const tag = name === "@in" && isTags(args[1]) ? literalText(args[0]) : undefined;
      if (tag !== undefined) named.add(tag);
      else for (const inner of [target, ...args]) walk(inner);
    } else if (kind?.case === "listExpr") for (const element of kind.value.elements) walk(element);
    else if (kind?.case === "comprehensionExpr") {
      const { accuInit, iterRange, loopCondition, loopStep, result } = kind.value;
      for (const inner of [accuInit, iterRange, loopCondition, loopStep, result]) walk(inner);
    } else if (isTags(one)) all = true;
  };
  walk(expression);
  return all ? "all" : named.size === 0 ? undefined : named;
}

const isTags = (expression: Expr | undefined): boolean => {
  const kind = expression?.exprKind.case;
  return (kind === "selectExpr" || kind === "identExpr") && nameOf(expression) === "key.tags";
};

/** Checks an expression. @returns the variables it looks at @throws {ConditionMistake} */
export function checkCondition(expression: Expr): ReadonlySet<Variable> {
  const used = new Set<Variable>();
  const type = typeOf(expression, { used, scope: new Map(), within: 0 });
  if (type !== "bool") throw new ConditionMistake(`a condition is true or false, not ${type}`);
  return used;
}

interface Scope {
  readonly used: Set<Variable>;
  /** Variables of the macro around, when there is one. */
  readonly scope: ReadonlyMap<string, Type>;
  readonly within: number;
}

function typeOf(expression: Expr | undefined, here: Scope): Type {
  const kind = expression?.exprKind;
  switch (kind?.case) {
    case "constExpr":
      return constantType(kind.value.constantKind.case);
    case "identExpr":
    case "selectExpr": {
      const name = nameOf(expression);
      const local = here.scope.get(name);
      if (local !== undefined) return local;
      if (!Object.hasOwn(VARIABLES, name)) throw new ConditionMistake(`there is no variable ${name.slice(0, 64)}`);
      here.used.add(name as Variable);
      return VARIABLES[name as Variable];
    }
    case "listExpr": {
      const [first, ...others] = kind.value.elements.map((element) => typeOf(element, here));
      if ((first !== "string" && first !== "int") || others.some((other) => other !== first))
        throw new ConditionMistake("a list holds texts, or whole numbers, and at least one");
      return `list(${first})`;
    }
    case "callExpr":
      return callType(kind.value, here);
    case "comprehensionExpr": {
      const { accuVar, accuInit, iterVar, iterVar2, iterRange, loopCondition, loopStep, result } = kind.value;
      if (here.within > 0 || iterVar2 !== "") throw new ConditionMistake("exists, all and exists_one do not stand inside one another");
      const range = typeOf(iterRange, here);
      if (range !== "list(string)" && range !== "list(int)") throw new ConditionMistake("exists, all and exists_one are asked of lists");
      const accumulated = typeOf(accuInit, here);
      const inside: Scope = {
        used: here.used,
        scope: new Map<string, Type>([
          [iterVar, range === "list(string)" ? "string" : "int"],
          [accuVar, accumulated],
        ]),
        within: here.within + 1,
      };
      if (typeOf(loopCondition, inside) !== "bool" || typeOf(loopStep, inside) !== accumulated)
        throw new ConditionMistake("only exists, all and exists_one are known of lists");
      return typeOf(result, inside);
    }
    default:
      throw new ConditionMistake("maps and messages are not part of conditions");
  }
}

function callType(
  call: { readonly function: string; readonly target?: Expr | undefined; readonly args: readonly Expr[] },
  here: Scope,
): Type {
  const { function: name, target, args } = call;
  const shown = name.slice(0, 64);
  const asked = [...(target === undefined ? [] : [target]), ...args];
  if (name === "_?_:_") {
    const [test, yes, no] = asked.map((argument) => typeOf(argument, here));
    if (test !== "bool" || yes === undefined || yes !== no)
      throw new ConditionMistake("a choice needs a condition and two values of one type");
    return yes;
  }
  const signatures = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (signatures === undefined) throw new ConditionMistake(`there is no function ${shown}`);
  if (target === undefined ? METHODS.has(name) && name !== "size" : !METHODS.has(name))
    throw new ConditionMistake(
      `${shown} is ${target === undefined ? "asked of a value: value." + shown + "(...)" : "not asked of a value"}`,
    );
  const types = asked.map((argument) => typeOf(argument, here));
  const found = signatures.find(([, ...wanted]) => wanted.length === types.length && wanted.every((type, index) => type === types[index]));
  if (found === undefined) throw new ConditionMistake(`${shown} does not take ${types.join(", ") || "nothing"}`);
  const literal = Object.hasOwn(LITERAL, name) ? LITERAL[name] : undefined;
  if (literal !== undefined && asked.length > literal[0]) {
    const text = literalText(asked[literal[0]]);
    if (text === undefined || !literal[1](text)) throw new ConditionMistake(literal[2]);
  }
  return found[0];
}

function constantType(kind: string | undefined): Type {
  if (kind === "boolValue") return "bool";
  if (kind === "int64Value") return "int";
  if (kind === "stringValue") return "string";
  throw new ConditionMistake("only texts, whole numbers, true and false can be written out");
}

/** `a.b` as it is written; a name that is not one has no variable. */
function nameOf(expression: Expr | undefined): string {
  const kind = expression?.exprKind;
  if (kind?.case === "identExpr") return kind.value.name;
  if (kind?.case === "selectExpr" && !kind.value.testOnly && kind.value.operand?.exprKind.case === "identExpr")
    return `${kind.value.operand.exprKind.value.name}.${kind.value.field}`;
  throw new ConditionMistake("only variables have members, and has() is not known");
}

function literalText(expression: Expr | undefined): string | undefined {
  const kind = expression?.exprKind;
  if (kind?.case !== "constExpr" || kind.value.constantKind.case !== "stringValue") return undefined;
  return kind.value.constantKind.value;
}

function isRange(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

function isTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.test(text) && !Number.isNaN(Date.parse(text));
}

function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone !== "" && text !== "";
  } catch {
    return false;
  }
}
