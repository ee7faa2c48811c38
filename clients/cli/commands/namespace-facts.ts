/** A namespace, for people. */
import type { Namespace } from "@keystead/client/shapes";
import type { Context } from "../context.ts";
import { dateText } from "./key-facts.ts";

const limit = (number: number): string => (number === 0 ? "no limit" : String(number));

/** One fact a line; what is not so is left out. */
export function namespaceFacts(context: Context, one: Namespace): string {
  const facts: readonly (readonly [name: string, value: string | undefined])[] = [
    ["namespace", one.namespace],
    ["state", one.state.replaceAll("_", " ")],
    ["description", one.description],
    ["keys", one.keys === undefined ? undefined : String(one.keys)],
    ["max keys", limit(one.maxKeys)],
    ["sessions", one.sessions === undefined ? undefined : String(one.sessions)],
    ["max sessions", limit(one.maxSessions)],
    ["rate", one.requestsPerSecond === 0 ? "as configured" : `${one.requestsPerSecond} a second, ${one.burst} at once`],
    ["allowed addresses", one.allowedIps.length === 0 ? "all" : one.allowedIps.join(", ")],
    ["denied addresses", one.deniedIps.length === 0 ? undefined : one.deniedIps.join(", ")],
    ["created", dateText(one.createdAt)],
    ["suspended", one.suspendedAt === undefined ? undefined : `${dateText(one.suspendedAt)} by ${one.suspendedBy}`],
    ["suspended because", one.suspensionReason === "" ? undefined : one.suspensionReason],
    ["will be deleted", one.deletionAt === undefined ? undefined : `${dateText(one.deletionAt)}, asked for by ${one.deletionBy}`],
    ["deleted because", one.deletionReason === "" ? undefined : one.deletionReason],
  ];
  return context.facts(facts.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}
