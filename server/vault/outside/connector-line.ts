/**
 * The line to a connector: how the vault, which has no network, has something fetched.
 *
 * One peer at a time, replaced when the launcher hands over a new pipe. What comes back is public and untrusted; whoever
 * asked judges it. Nothing secret may ever be put into a question.
 */
import type { Socket } from "node:net";
import {
  CONNECTOR_CALL,
  decodeBreakers,
  decodeFetched,
  encodeFetch,
  type Breaker,
  type FetchAnswer,
  type FetchQuestion,
} from "@keystead/channel/fetch-call";
import { Peer } from "@keystead/channel/peer";
import { HsmError } from "@keystead/contract/errors";

/** Has one resource fetched. @throws {HsmError} PROVIDER_UNAVAILABLE or DEADLINE_EXCEEDED */
export type Fetch = (question: FetchQuestion) => Promise<FetchAnswer>;

/** The connector's own deadline ends first, so that its reason is heard. */
const GRACE_MS = 500;
const MOST_IN_FLIGHT = 64;
const BREAKERS_MS = 2_000;

export class ConnectorLine {
  #peer: Peer | undefined;
  readonly #joined: (() => void)[] = [];
  /** Destinations as they were when they were last asked for. */
  breakers: readonly Breaker[] = [];

  /** Talks over this pipe from now on. */
  join(pipe: Socket): void {
    const before = this.#peer;
    const peer: Peer = new Peer(pipe, {
      speaksFirst: true,
      maxInFlight: MOST_IN_FLIGHT,
      onEnd: () => {
        if (this.#peer === peer) this.#peer = undefined;
      },
    });
    this.#peer = peer;
    before?.destroy();
    for (const tell of this.#joined) tell();
  }

  /** Called each time a connector is there. */
  onJoin(tell: () => void): void {
    this.#joined.push(tell);
  }

  /** Asks the connector for its {@link breakers}. */
  async refreshBreakers(): Promise<void> {
    const answer = await this.#peer?.request(CONNECTOR_CALL.breakers, Buffer.alloc(0), BREAKERS_MS).catch(() => undefined);
    this.breakers = answer === undefined ? [] : decodeBreakers(answer);
  }

  readonly fetch: Fetch = async (question) => {
    if (this.#peer === undefined)
      throw new HsmError("PROVIDER_UNAVAILABLE", "the connector is not running; nothing was asked", { retryAfterSeconds: 1 });
    return decodeFetched(await this.#peer.request(CONNECTOR_CALL.fetch, encodeFetch(question), question.timeoutMs + GRACE_MS));
  };
}
