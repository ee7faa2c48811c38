/**
 * A part that works for the vault alone, started when the vault asks for it: it is joined to the vault by a pipe of
 * its own, and keeps nothing, so that it may be ended and started again at any time.
 *
 *      vault ◄─ {join, part} ─ launcher ─ starts ─► part      the vault was handed the pipe, so it speaks first
 */
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { pipeOf, startPart, type PartOptions } from "./part.ts";

export interface SidePartOptions {
  readonly options: PartOptions;
  /** What the part is told first, besides its pipe. */
  readonly config?: object;
  /** Hands the vault its end of the pipe. */
  readonly join: (pipe: Socket) => void;
  readonly say: (level: string, message: string, fields?: Record<string, string | number>) => void;
}

/** Wait before a part that ended by itself is started again; twice as long each time, up to the last. */
const BACKOFF_FIRST_MS = 100;
const BACKOFF_LAST_MS = 10_000;
const HEALTHY_MS = 30_000;

export class SidePart {
  readonly #about: SidePartOptions;
  #child: ChildProcess | undefined;
  #wanted = false;
  #failures = 0;
  #waiting: NodeJS.Timeout | undefined;
  /** The vault asked for the end of what runs: that is no failure of it. */
  #asked = false;

  constructor(about: SidePartOptions) {
    this.#about = about;
  }

  get child(): ChildProcess | undefined {
    return this.#child;
  }

  /** It should run. Does nothing when it does, or is about to be started again. */
  want(): void {
    this.#wanted = true;
    if (this.#child === undefined && this.#waiting === undefined) this.#start();
  }

  /** Ends what runs and starts it afresh, at once: it took too long, or its vault is another now. */
  again(): void {
    if (this.#child === undefined) return this.want();
    this.#asked = true;
    this.#child.kill("SIGKILL");
  }

  /** It should not run any more. */
  release(): void {
    this.#wanted = false;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#child?.kill("SIGKILL");
  }

  #start(): void {
    this.#waiting = undefined;
    const { options, config, join, say } = this.#about;
    const child = startPart(options, undefined);
    const startedAt = Date.now();
    this.#child = child;
    child.on("error", (error) => say("error", `${options.name} cannot be started`, { detail: error.message }));
    child.on("message", (message: { kind: string }) => {
      if (message.kind === "ready") say("info", `${options.name} is ready`);
    });
    child.once("exit", (code, signal) => {
      this.#child = undefined;
      if (!this.#wanted) return;
      const asked = this.#asked;
      this.#asked = false;
      this.#failures = asked || Date.now() - startedAt > HEALTHY_MS ? 0 : this.#failures + 1;
      const delayMs = this.#failures === 0 ? 0 : Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** (this.#failures - 1));
      say(asked ? "info" : "error", `${options.name} ended; it is started again`, { code: code ?? 0, signal: signal ?? "", delayMs });
      this.#waiting = setTimeout(() => this.#start(), delayMs);
    });
    if (config !== undefined) child.send({ kind: "start", config });
    join(pipeOf(child));
  }
}
