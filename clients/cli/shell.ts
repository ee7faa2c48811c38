/**
 * What a command sees of the world: its streams, its environment, and a way to reach a server. Tests give another one.
 */
import { homedir } from "node:os";
import type { Readable, Writable } from "node:stream";
import type { Keystead, KeysteadOptions } from "@keystead/client/client";

export type Terminal<S> = S & { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined };

export interface Shell {
  readonly stdin: Terminal<Readable>;
  readonly stdout: Terminal<Writable>;
  readonly stderr: Terminal<Writable>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly home: string;
  createClient(options: KeysteadOptions): Promise<Keystead>;
}

/** The shell of this process. The client is loaded when a command first needs it, so that `--help` stays quick. */
export function processShell(): Shell {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    home: homedir(),
    createClient: async (options) => (await import("@keystead/client/client")).createKeystead(options),
  };
}

/** Writes and waits until the stream took it, so that nothing is lost when the process ends. */
export const write = (stream: Writable, data: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => stream.write(data, (error) => (error ? reject(error) : resolve())));
