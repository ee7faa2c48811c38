/**
 * The line to the vault: one peer at a time, replaced when the launcher hands over a new one.
 */
import { Socket } from "node:net";
import type { Inlet } from "@keystead/channel/inlet";
import { wipePayload, type Payload } from "@keystead/channel/payload";
import { noTraffic, Peer, type Traffic } from "@keystead/channel/peer";
import { HsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";

export class VaultLink {
  readonly #log: Logger;
  readonly #maxInFlight: number;
  #peer: Peer | undefined;
  /** Of all lines there were. */
  readonly traffic: Traffic = noTraffic();

  constructor(log: Logger, maxInFlight: number) {
    this.#log = log;
    this.#maxInFlight = maxInFlight;
  }

  /** Talks over this socket from now on. @param inlet what the socket was made to read into, if anything */
  join(socket: Socket, speaksFirst: boolean, inlet?: Inlet): void {
    const before = this.#peer;
    const peer: Peer = new Peer(socket, {
      speaksFirst,
      ...(inlet === undefined ? {} : { inlet }),
      maxInFlight: this.#maxInFlight,
      traffic: this.traffic,
      onEnd: (reason) => {
        if (this.#peer !== peer) return;
        this.#peer = undefined;
        this.#log.warn("the vault is not connected", reason === undefined ? {} : { detail: reason.message });
      },
    });
    this.#peer = peer;
    before?.destroy();
  }

  get inFlight(): number {
    return this.#peer?.inFlight ?? 0;
  }

  get waitingBytes(): number {
    return this.#peer?.waitingBytes ?? 0;
  }

  get connected(): boolean {
    return this.#peer !== undefined;
  }

  /** The payload is zeroed, as by {@link Peer.request}. @throws {HsmError} what the vault answered; PROVIDER_UNAVAILABLE when there is none */
  request(operation: number, payload: Payload, deadlineMs: number, onCall?: (cancel: () => void) => void): Promise<Buffer> {
    if (this.#peer === undefined) {
      wipePayload(payload);
      return Promise.reject(
        new HsmError("PROVIDER_UNAVAILABLE", "the vault is not connected; nothing was done", { retryAfterSeconds: 1, nothingDone: true }),
      );
    }
    return this.#peer.request(operation, payload, deadlineMs, onCall);
  }

  /** Ends the line at once. */
  destroy(): void {
    this.#peer?.destroy();
  }

  async drain(): Promise<void> {
    await this.#peer?.drain();
  }
}

/** A pipe the launcher made; anything else is destroyed and refused. */
export function acceptPipe(handle: unknown): Socket | undefined {
  if (
    handle instanceof Socket &&
    (handle as unknown as { _handle?: { constructor: { name: string } } })._handle?.constructor.name === "Pipe"
  )
    return handle;
  (handle as { destroy?: () => void } | undefined)?.destroy?.();
  return undefined;
}
