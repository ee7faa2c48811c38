/**
 * One part of the server as a process: how it is started, spoken to and started again.
 *
 * Every part gets a pipe at descriptor 3, an IPC channel, an environment of its own and no core file. Its log lines
 * come out of its standard output.
 */
import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";

export interface PartOptions {
  readonly name: string;
  readonly node: string;
  readonly flags: readonly string[];
  readonly main: string;
  readonly env: Readonly<Record<string, string>>;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  /** Numbers of this process's descriptors to pass on, from 5. */
  readonly descriptors: readonly number[];
  readonly onLine: (line: string) => void;
  /** What a part says on standard error: Node's own words, as it ends. */
  readonly onStray: (line: string) => void;
}

/**
 * Core files are switched off for good before node begins: a core of the vault would hold keys. Node puts the
 * launcher's own permissions into every child's NODE_OPTIONS, where they would widen the child's walls: taken out.
 * Where the system allows it, 256 MiB may be locked in memory, for the secure heap.
 */
const CONFINED = 'ulimit -c 0 || exit 71; ulimit -l 262144 2>/dev/null; unset NODE_OPTIONS; exec "$@"';

/** The words that run node confined, whatever the launcher itself may do. */
export const confined = (node: string, argv: readonly string[]): [string, string[]] => ["/bin/sh", ["-c", CONFINED, "sh", node, ...argv]];

/** First descriptor passed on besides the pipe (3) and the IPC channel (4). */
export const FIRST_PASSED = 5;

/** Starts a part. `pipe` is another part's end, handed over as descriptor 3; without it a new pipe is made. */
export function startPart(options: PartOptions, pipe: Socket | undefined): ChildProcess {
  const child = spawn(...confined(options.node, [...options.flags, options.main]), {
    stdio: ["ignore", "pipe", "pipe", pipe ?? "pipe", "ipc", ...options.descriptors],
    env: { ...options.env },
    ...(options.user === undefined ? {} : options.user),
  });
  pipe?.destroy();
  splitLines(child.stdout as Readable, options.onLine);
  splitLines(child.stderr as Readable, options.onStray);
  return child;
}

/** The launcher's end of a part's own pipe. */
export const pipeOf = (child: ChildProcess): Socket => child.stdio[3] as Socket;

const MAX_LINE_BYTES = 64 * 1024;

function splitLines(stream: Readable, deliver: (line: string) => void): void {
  let held = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (held + text).split("\n");
    held = (lines.pop() as string).slice(0, MAX_LINE_BYTES);
    for (const line of lines) if (line !== "") deliver(line);
  });
  stream.on("end", () => {
    if (held !== "") deliver(held);
  });
}
