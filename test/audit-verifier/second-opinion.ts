/**
 * The second verifier of audit logs, written in Python from docs/design/audit-format.md alone, as one process that answers
 * many questions (serve.py). It shares no code with the product, and nothing here verifies anything.
 */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** Files of a log by what follows `<log>.` in their names. */
export type LogFiles = ReadonlyMap<string, Buffer>;

/** Files that are otherwise than in the log that is open; null = removed. */
export type ChangedFiles = ReadonlyMap<string, Buffer | null>;

export interface Verdict {
  readonly verified: boolean;
  readonly events: number;
  readonly head: string;
  readonly checkpoints: number;
  readonly first_bad_sequence: number | null;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

export const PYTHON = "python3";
/** As arguments of {@link PYTHON}; -B: nothing is written beside the code. */
export const VERIFIER = ["-B", import.meta.dirname] as const;

const texts = (files: ChangedFiles): Record<string, string | null> =>
  Object.fromEntries([...files].map(([ending, bytes]) => [ending, bytes === null ? null : bytes.toString("base64")]));

export class SecondOpinion {
  readonly #child: ChildProcessByStdio<Writable, Readable, null> = spawn(PYTHON, [...VERIFIER, "serve"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  readonly #waiting: { resolve: (answer: unknown) => void; reject: (error: Error) => void }[] = [];
  readonly #ended = new Promise<void>((done) => this.#child.once("close", () => done()));

  constructor() {
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#waiting.shift()?.resolve(JSON.parse(line)));
    void this.#ended.then(() => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error("the second verifier ended"));
    });
  }

  /** The log that is asked about from now on. */
  open(
    files: LogFiles,
    keys: { readonly audit_key?: string; readonly public_key?: string; readonly witnesses?: readonly string[] },
  ): Promise<unknown> {
    return this.#ask({ open: texts(files), ...keys });
  }

  /** What it says of the log with these files changed. @param keys false = as somebody who has none */
  verify(changed: ChangedFiles = new Map(), keys = true): Promise<Verdict> {
    return this.#ask({ changed: texts(changed), keys }) as Promise<Verdict>;
  }

  receipt(text: string): Promise<{ verified: boolean; sequence?: number; hash?: string; size?: number }> {
    return this.#ask({ receipt: text }) as ReturnType<SecondOpinion["receipt"]>;
  }

  /** @param proof hashes, base64 */
  consistency(old: string, later: string, proof: readonly string[]): Promise<{ verified: boolean }> {
    return this.#ask({ consistency: [old, later, proof] }) as ReturnType<SecondOpinion["consistency"]>;
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }

  #ask(request: object): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }
}
