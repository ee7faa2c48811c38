/**
 * Health for orchestrators: `/health/live`, `/health/ready`, `/health/startup`, `/healthz`.
 *
 * Without credentials only the verdict is told, never a detail.
 */
import { SELF } from "@keystead/contract/operations/register";
import type { Desk } from "../../forward.ts";
import type { Dispatch, Exchange } from "../../transports/exchange.ts";
import { SAFE_HEADERS } from "../rest/problem.ts";

const PATHS = new Set(["/health/live", "/health/ready", "/health/startup", "/healthz"]);

export const isHealthPath = (path: string): boolean => PATHS.has(path);

/** What the vault says of itself. */
export interface VaultHealth {
  readonly phase: string;
  readonly ready: boolean;
  readonly version: string;
  readonly uptimeSeconds: number;
}

/** The vault's health, or undefined when it cannot be asked. */
export async function vaultHealth(desk: Desk): Promise<VaultHealth | undefined> {
  try {
    return JSON.parse((await desk.ask(SELF.health)).toString("utf8")) as VaultHealth;
  } catch {
    return undefined;
  }
}

export function healthSurface(desk: Desk): Dispatch {
  let begun = false;
  const answer = async (exchange: Exchange): Promise<void> => {
    if (exchange.method !== "GET" && exchange.method !== "HEAD") return exchange.respond(405, { ...SAFE_HEADERS, allow: "GET, HEAD" });
    // Live says that this process answers; it must not wait for another one.
    const vault = exchange.path === "/health/live" ? undefined : await vaultHealth(desk);
    begun ||= vault !== undefined;
    const good = exchange.path === "/health/live" || (exchange.path === "/health/startup" ? begun : vault?.ready === true);
    const body =
      exchange.path === "/healthz"
        ? { status: good ? "ok" : "degraded", version: vault?.version, uptime_seconds: vault?.uptimeSeconds }
        : { status: good ? "ok" : "unavailable" };
    exchange.respond(good ? 200 : 503, { ...SAFE_HEADERS, "content-type": "application/json" }, Buffer.from(JSON.stringify(body), "utf8"));
  };
  return (exchange) => void answer(exchange);
}
