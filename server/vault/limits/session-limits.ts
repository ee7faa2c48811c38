/**
 * Sessions a namespace admits at once: what the configuration says, and what the namespace itself says; the smaller counts.
 *
 * A session counts in each namespace that its user's or account's record names. One that reaches all namespaces by `*`
 * counts in none: otherwise those who operate the server would take every tenant's room, and a full tenant would keep them
 * out. They are bounded by their own number, like everybody.
 */
import type { KnownNamespaces } from "./namespace-gate.ts";

/** @returns most sessions at once that name the namespace; undefined = no limit of its own */
export function sessionLimits(
  configured: ReadonlyMap<string, number>,
  namespaces: Pick<KnownNamespaces, "knownNamespace">,
): (namespace: string) => number | undefined {
  return (namespace) => {
    const own = namespaces.knownNamespace(namespace)?.maxSessions ?? 0;
    const most = configured.get(namespace);
    return own === 0 ? most : Math.min(own, most ?? own);
  };
}
