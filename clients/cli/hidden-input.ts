/**
 * Passwords and codes as people type them: on a terminal and without echo, or by reference. Never on the command line,
 * where the shell's history and every process list would have them.
 */
import { createInterface } from "node:readline/promises";
import type { Readable } from "node:stream";
import { readSecret, withoutLineEnding } from "./secret-reference.ts";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

const ENTER = new Set([10, 13]);
const ERASE = new Set([8, 127]);
const INTERRUPT = 3;
const END = 4;
const MAX_BYTES = 1024;

interface RawTerminal extends Readable {
  setRawMode?(raw: boolean): void;
}

const canAsk = (shell: Shell): boolean => shell.stdin.isTTY === true && shell.stderr.isTTY === true;

/**
 * A password; the caller wipes it.
 *
 * @param reference what the option named, if it did
 * @throws {HsmError} INVALID_REQUEST when there is no reference and no terminal, or nothing was typed
 */
export async function askPassword(prompt: string, reference: string | undefined, option: string, shell: Shell): Promise<Buffer> {
  if (reference !== undefined) {
    const read = readSecret(reference, option, shell);
    const bytes = Buffer.alloc(withoutLineEnding(read).length);
    withoutLineEnding(read).copy(bytes);
    read.fill(0);
    return bytes;
  }
  if (!canAsk(shell)) throw usageError(`there is no terminal to ask on; pass ${option} as file:PATH, env:NAME or fd:N`);
  shell.stderr.write(prompt);
  const typed = await readHidden(shell.stdin);
  shell.stderr.write("\n");
  if (typed.length === 0) throw usageError("nothing was typed");
  return typed;
}

/** A new password, typed twice unless it came by reference; the caller wipes it. */
export async function askNewPassword(prompt: string, reference: string | undefined, option: string, shell: Shell): Promise<Buffer> {
  const first = await askPassword(`${prompt}: `, reference, option, shell);
  if (reference !== undefined) return first;
  const second = await askPassword(`${prompt}, again: `, undefined, option, shell);
  const equal = first.equals(second);
  second.fill(0);
  if (equal) return first;
  first.fill(0);
  throw usageError("the two are not the same; nothing was changed");
}

/** A code, which may be seen: it is worth nothing a moment later. */
export async function askCode(prompt: string, reference: string | undefined, option: string, shell: Shell): Promise<string> {
  if (reference !== undefined)
    return withoutLineEnding(readSecret(reference, option, shell))
      .toString("utf8")
      .trim();
  if (!canAsk(shell)) throw usageError(`there is no terminal to ask on; pass ${option} as file:PATH, env:NAME or fd:N`);
  const lines = createInterface({ input: shell.stdin, output: shell.stderr });
  try {
    return (await lines.question(prompt)).trim();
  } finally {
    lines.close();
  }
}

/** One line of a terminal, which does not show it. */
function readHidden(input: RawTerminal): Promise<Buffer> {
  const typed = Buffer.alloc(MAX_BYTES);
  let length = 0;
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      input.off("data", onData).off("end", onEnd).pause();
      input.setRawMode?.(false);
      const line = Buffer.alloc(length);
      typed.copy(line, 0, 0, length);
      typed.fill(0);
      if (error === undefined) resolve(line);
      else {
        line.fill(0);
        reject(error);
      }
    };
    const onEnd = (): void => finish();
    const onData = (piece: Buffer): void => {
      for (const byte of piece) {
        if (ENTER.has(byte) || byte === END) return finish();
        if (byte === INTERRUPT) return finish(usageError("interrupted"));
        if (ERASE.has(byte)) {
          // A character of several bytes goes as a whole.
          do length = Math.max(0, length - 1);
          while (length > 0 && ((typed[length] as number) & 0xc0) === 0x80);
        } else if (length < MAX_BYTES) typed[length++] = byte;
      }
    };
    input.setRawMode?.(true);
    input.on("data", onData).on("end", onEnd).resume();
  });
}
