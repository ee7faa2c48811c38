/**
 * What the gateway tells the vault of itself, for alerts: how full it is, and when its certificates end.
 *
 * The vault believes it as far as it goes: it raises alerts, and nothing is decided by it.
 */

export interface GatewayFacts {
  /** Shares of limits that are used, 0 to 1, by what is limited. */
  readonly saturation: Readonly<Record<string, number>>;
  /** When certificates of the listeners end, in milliseconds since the epoch. */
  readonly certificates: Readonly<Record<string, number>>;
}

const NAME = /^[a-z_]{1,32}$/;
const MOST = 16;

export const encodeFacts = (facts: GatewayFacts): Buffer => Buffer.from(JSON.stringify(facts), "utf8");

/** What {@link encodeFacts} made; of anything else what can be used. Never throws. */
export function decodeFacts(bytes: Buffer): GatewayFacts {
  try {
    const { saturation, certificates } = JSON.parse(bytes.toString("utf8")) as Record<string, unknown>;
    return { saturation: numbers(saturation), certificates: numbers(certificates) };
  } catch {
    return { saturation: {}, certificates: {} };
  }
}

function numbers(value: unknown): Record<string, number> {
  if (value === null || typeof value !== "object") return {};
  return Object.fromEntries(
    Object.entries(value)
      .filter((entry): entry is [string, number] => NAME.test(entry[0]) && typeof entry[1] === "number" && Number.isFinite(entry[1]))
      .slice(0, MOST),
  );
}
