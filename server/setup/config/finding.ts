/** What a rule of the configuration is, and how it says what is wrong. */
import type { Mistake } from "./mistake.ts";
import type { ConfigTree } from "./schema.ts";

/** A mistake before its place is known. */
export type Finding = Pick<Mistake, "key" | "problem" | "remedy">;
export type Rule = (config: ConfigTree) => readonly Finding[];

export const finding = (broken: boolean, key: string, problem: string, remedy: string): Finding[] =>
  broken ? [{ key, problem, remedy }] : [];
