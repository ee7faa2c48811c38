/**
 * How often and how much at once: rates of client addresses before login, of principals after it and of namespaces, and
 * how many requests anybody may have under way.
 *
 * The strictest answer counts: a request needs a token of each. Before anybody is known the address pays, so that guesses
 * are bounded before a password is hashed or a signature verified; from then on the principal does, whatever its address.
 * A namespace pays only for who may use it: nobody else can use its tokens up. Ceremonies and the questions of the
 * gateway itself never come here.
 */
import type { RateLimitsConfig, RateConfig } from "@keystead/contract/config";
import { HsmError } from "@keystead/contract/errors";
import { addressName } from "./address-name.ts";
import { TokenBuckets, type Rate } from "./token-buckets.ts";

/** Most names with a bucket of their own, of each kind. */
export const MOST_BUCKETS = 4096;
/** How long a bucket is kept unused. */
export const IDLE_MS = 5 * 60_000;

/** Why a request is turned away. */
export interface Refusal {
  readonly error: HsmError;
  /** Worth an audit event: the first of a run. A flood must not fill the log's disk. */
  readonly first: boolean;
}

type Scope = "address" | "principal" | "namespace";

export interface ScopeCounters {
  allowed: number;
  blocked: number;
}

/** Nothing is limited: 0 = no limit. */
export const UNLIMITED: RateLimitsConfig = Object.freeze({
  address: { perSecond: 0, burst: 1 },
  principal: { perSecond: 0, burst: 1 },
  namespace: { perSecond: 0, burst: 1 },
  inFlightEach: 0,
});

export class RateLimits {
  readonly #config: RateLimitsConfig;
  readonly #now: () => number;
  readonly #buckets: Readonly<Record<Scope, TokenBuckets>>;
  readonly #underWay = new Map<string, { count: number; refusing: boolean }>();
  readonly counters: Readonly<Record<Scope | "in_flight", ScopeCounters>> = Object.freeze({
    address: { allowed: 0, blocked: 0 },
    principal: { allowed: 0, blocked: 0 },
    namespace: { allowed: 0, blocked: 0 },
    in_flight: { allowed: 0, blocked: 0 },
  });

  /** @param now milliseconds that never run backwards */
  constructor(config: RateLimitsConfig, now: () => number = () => performance.now()) {
    this.#config = config;
    this.#now = now;
    const made = (): TokenBuckets => new TokenBuckets({ most: MOST_BUCKETS, idleMs: IDLE_MS });
    this.#buckets = { address: made(), principal: made(), namespace: made() };
  }

  /** Asks for somebody whose credential is still to be verified. */
  stranger(address: string): Refusal | undefined {
    const { address: rate } = this.#config;
    return rate.perSecond === 0
      ? undefined
      : this.#ask("address", addressName(address), rate, "too many attempts to log in from this address");
  }

  /** Asks for somebody who is known. */
  principal(id: string): Refusal | undefined {
    const { principal: rate } = this.#config;
    return rate.perSecond === 0 ? undefined : this.#ask("principal", id, rate, "too many requests");
  }

  /** Asks for a namespace, on behalf of somebody who may use it. @param own its own rate; 0 a second = as configured */
  namespace(name: string, own: RateConfig | undefined): Refusal | undefined {
    const rate = own === undefined || own.perSecond === 0 ? this.#config.namespace : own;
    return rate.perSecond === 0 ? undefined : this.#ask("namespace", name, rate, `too many requests in the namespace '${name}'`);
  }

  /** The name under which a stranger's requests are counted in: no principal's id. */
  placeOf(address: string): string {
    return `address ${addressName(address)}`;
  }

  /**
   * Counts a request in. Whoever was counted in is counted out by {@link leave} under the same name.
   *
   * @returns undefined when it may go on; it was not counted in otherwise
   */
  enter(name: string): Refusal | undefined {
    const { inFlightEach } = this.#config;
    const known = this.#underWay.get(name);
    if (known === undefined) {
      this.#underWay.set(name, { count: 1, refusing: false });
    } else if (inFlightEach > 0 && known.count >= inFlightEach) {
      this.counters.in_flight.blocked += 1;
      const first = !known.refusing;
      known.refusing = true;
      return {
        error: new HsmError("RATE_LIMITED", `${inFlightEach} requests are under way already; nothing was done`, {
          retryAfterSeconds: 1,
          nothingDone: true,
        }),
        first,
      };
    } else {
      known.count += 1;
      known.refusing = false;
    }
    this.counters.in_flight.allowed += 1;
    return undefined;
  }

  leave(name: string): void {
    const known = this.#underWay.get(name);
    if (known === undefined) return;
    known.count -= 1;
    if (known.count === 0) this.#underWay.delete(name);
  }

  /** Buckets there are, by kind, and names with requests under way. */
  active(): (readonly [{ readonly scope: string }, number])[] {
    return [
      ...(["address", "principal", "namespace"] as const).map((scope) => [{ scope }, this.#buckets[scope].size] as const),
      [{ scope: "in_flight" }, this.#underWay.size] as const,
    ];
  }

  #ask(scope: Scope, name: string, rate: Rate, detail: string): Refusal | undefined {
    const { waitMs, first } = this.#buckets[scope].take(name, rate, this.#now());
    const counters = this.counters[scope];
    if (waitMs === 0) {
      counters.allowed += 1;
      return undefined;
    }
    counters.blocked += 1;
    return {
      error: new HsmError("RATE_LIMITED", `${detail}; nothing was done`, {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
        nothingDone: true,
      }),
      first,
    };
  }
}
