/** A shell for tests: streams that remember, an empty environment, a folder of its own, and a client made of stand-ins or a real one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import type { Keystead, KeysteadOptions } from "@keystead/client/client";
import { runProgram } from "./program.ts";
import type { Shell } from "./shell.ts";

export interface Recorded {
  readonly exit: number;
  readonly out: Buffer;
  readonly err: string;
  /** What the client was made with, if it was. */
  readonly connectedWith: KeysteadOptions | undefined;
}

export interface Scene {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  readonly terminal?: boolean;
  /** Stand-ins for the client's methods, or the real ones. A stand-in that is missing fails the test when it is called. */
  readonly client?: { readonly [M in keyof Keystead]?: (...args: never[]) => unknown } | "real";
}

const folders: string[] = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder of a test's own; it goes with the test process. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "keystead-cli-"));
  folders.push(folder);
  return folder;
}

function recorder(isTTY: boolean): Writable & { text(): Buffer; isTTY: boolean } {
  const pieces: Buffer[] = [];
  const stream = new Writable({
    write(piece: Buffer | string, _encoding, done) {
      pieces.push(Buffer.from(piece as Buffer));
      done();
    },
  });
  return Object.assign(stream, { isTTY, text: () => Buffer.concat(pieces) });
}

/** Runs one command line in the scene. Without an endpoint of its own it gets one nobody dials. */
export async function runIn(scene: Scene, ...args: readonly string[]): Promise<Recorded> {
  const stdout = recorder(scene.terminal === true);
  const stderr = recorder(scene.terminal === true);
  const stdin = Object.assign(Readable.from(scene.stdin === undefined ? [] : [Buffer.from(scene.stdin as Uint8Array)]), {
    isTTY: scene.terminal === true && scene.stdin === undefined,
  });
  let connectedWith: KeysteadOptions | undefined;
  const folder = scene.cwd ?? newFolder();
  const shell: Shell = {
    stdin,
    stdout,
    stderr,
    cwd: folder,
    home: folder,
    env: { KEYSTEAD_ENDPOINT: "http://127.0.0.1:1", ...scene.env },
    createClient: async (options) => {
      connectedWith = options;
      if (scene.client === "real") return (await import("@keystead/client/client")).createKeystead(options);
      return { close: () => {}, ...scene.client } as unknown as Keystead;
    },
  };
  const exit = await runProgram(args, shell);
  return { exit, out: stdout.text(), err: stderr.text().toString("utf8"), connectedWith };
}
