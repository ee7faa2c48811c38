/**
 * Reads request bodies into memory, within three bounds: bytes of one body, bytes of all bodies that are still coming
 * in, and time. What strangers send before anybody knows who they are must not fill the memory of the gateway.
 */
import type { Readable } from "node:stream";
import { wholeOf } from "@keystead/channel/payload";
import { HsmError } from "@keystead/contract/errors";

/** What a client may still send after it was refused, so that it can read the refusal; beyond it is cut off. */
const DROPPED_BYTES = 16 * 1024 * 1024;
const SWEEP_MS = 1_000;

export interface IntakeLimits {
  /** All unfinished bodies together. */
  readonly totalBytes: number;
  /** One body, from its headers to its end. */
  readonly timeoutMs: number;
}

interface Unfinished {
  readonly begun: number;
  fail(error: HsmError): void;
}

export class BodyIntake {
  readonly #limits: IntakeLimits;
  readonly #unfinished = new Set<Unfinished>();
  #heldBytes = 0;
  #sweep: NodeJS.Timeout | undefined;

  constructor(limits: IntakeLimits) {
    this.#limits = limits;
  }

  /** Bytes of bodies that have not ended. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * The whole body, in memory of its own or as a view of the one chunk it came in.
   *
   * @param announced value of content-length, when there was one
   * @throws {HsmError} REQUEST_TOO_LARGE as soon as more was announced or came; DEADLINE_EXCEEDED; CANCELLED;
   *   PROVIDER_UNAVAILABLE when too much is coming in at once
   */
  async collect(stream: Readable, announced: number | undefined, limitBytes: number): Promise<Buffer> {
    return wholeOf(await this.pieces(stream, announced, limitBytes));
  }

  /** The same in the pieces it came in, which may be none. */
  pieces(stream: Readable, announced: number | undefined, limitBytes: number): Promise<Buffer[]> {
    return new Promise((resolve, reject) => {
      let chunks: Buffer[] = [];
      let bytes = 0;
      const drop = (chunk: Buffer): void => {
        chunk.fill(0);
        bytes += chunk.length;
        if (bytes > limitBytes + DROPPED_BYTES) stream.destroy();
      };
      const settle = (): void => {
        stream.off("data", take);
        stream.off("end", end);
        stream.off("close", gone);
        this.#unfinished.delete(unfinished);
        this.#heldBytes -= bytes;
      };
      const fail = (error: HsmError): void => {
        settle();
        for (const chunk of chunks) chunk.fill(0);
        chunks = [];
        // The rest is read and dropped, so that the answer can still reach the client.
        stream.on("data", drop);
        reject(error);
      };
      const tooLarge = (): void => fail(new HsmError("REQUEST_TOO_LARGE", `the body must have at most ${limitBytes} bytes`));
      const take = (chunk: Buffer): void => {
        chunks.push(chunk);
        bytes += chunk.length;
        this.#heldBytes += chunk.length;
        if (bytes > limitBytes) return tooLarge();
        if (this.#heldBytes > this.#limits.totalBytes)
          fail(
            new HsmError("PROVIDER_UNAVAILABLE", "too much is being received at once; nothing was done", {
              retryAfterSeconds: 1,
              nothingDone: true,
            }),
          );
      };
      const end = (): void => {
        settle();
        resolve(chunks);
      };
      const gone = (): void => fail(new HsmError("CANCELLED", "the client went away"));
      const unfinished: Unfinished = { begun: performance.now(), fail };
      stream.on("error", gone);
      if (stream.destroyed) return reject(new HsmError("CANCELLED", "the client went away"));
      this.#unfinished.add(unfinished);
      this.#sweep ??= setInterval(() => this.#expire(), SWEEP_MS).unref();
      if (announced !== undefined && announced > limitBytes) return tooLarge();
      stream.on("end", end);
      stream.on("close", gone);
      stream.on("data", take);
    });
  }

  #expire(): void {
    const before = performance.now() - this.#limits.timeoutMs;
    for (const unfinished of this.#unfinished) {
      if (unfinished.begun > before) break;
      unfinished.fail(new HsmError("DEADLINE_EXCEEDED", "the body did not come in time; nothing was done", { nothingDone: true }));
    }
    if (this.#unfinished.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
