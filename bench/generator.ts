/**
 * The load generator process (load/main.ts), as orders and answers.
 */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { Job, Order, Report, WindowResult } from "./load/job.ts";

export class Generator {
  readonly #child: ChildProcess;
  #waiting: { resolve: (report: Report & { kind: "done" }) => void; reject: (error: Error) => void } | undefined;
  #mark: ((at: "begin" | "end") => void) | undefined;

  constructor() {
    this.#child = fork(join(import.meta.dirname, "load/main.ts"), [], { serialization: "advanced", execArgv: [] });
    this.#child.on("message", (report: Report) => {
      if (report.kind === "mark") this.#mark?.(report.at);
      else this.#waiting?.resolve(report);
    });
    this.#child.once("exit", (code) => this.#waiting?.reject(new Error(`the load generator ended with ${code}`)));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async open(name: string, job: Job): Promise<Uint8Array> {
    return (await this.#order({ kind: "open", name, job })).reply ?? Buffer.alloc(0);
  }

  async run(name: string): Promise<void> {
    await this.#order({ kind: "run", name });
  }

  /** @returns calls since it was begun that were refused */
  async stop(name: string): Promise<number> {
    return (await this.#order({ kind: "stop", name })).refused ?? 0;
  }

  async window(name: string, rampMs: number, windowMs: number, mark: (at: "begin" | "end") => void): Promise<WindowResult> {
    this.#mark = mark;
    const { window } = await this.#order({ kind: "window", name, rampMs, windowMs });
    if (window === undefined) throw new Error("a window without a result");
    return window;
  }

  end(): void {
    this.#waiting = undefined;
    if (this.#child.connected) this.#child.disconnect();
    this.#child.kill("SIGTERM");
  }

  #order(order: Order): Promise<Report & { kind: "done" }> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.send(order);
    });
  }
}
