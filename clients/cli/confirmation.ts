/** Asks before something that cannot be undone. Without a terminal only `--yes` is an answer. */
import { createInterface } from "node:readline/promises";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

/**
 * Asks for the name of what is about to be lost: a yes comes too easily.
 *
 * @param given what `--confirm` said
 * @throws {HsmError} INVALID_REQUEST for another name, or when nobody could be asked
 */
export async function confirmByName(warning: string, name: string, given: string | undefined, shell: Shell): Promise<void> {
  let answer = given;
  if (answer === undefined) {
    if (shell.stdin.isTTY !== true || shell.stderr.isTTY !== true)
      throw usageError("this cannot be undone; without a terminal to ask on, pass --confirm with the name");
    const lines = createInterface({ input: shell.stdin, output: shell.stderr });
    try {
      answer = await lines.question(`${warning}\nType its name to go on: `);
    } finally {
      lines.close();
    }
  }
  if (answer.trim() !== name) throw usageError("that is not its name; nothing was changed");
}

/** Returns when the person agreed. @throws {HsmError} INVALID_REQUEST when nobody could be asked, or the answer was no */
export async function confirm(question: string, yes: boolean | undefined, shell: Shell): Promise<void> {
  if (yes === true) return;
  if (shell.stdin.isTTY !== true || shell.stderr.isTTY !== true)
    throw usageError("this cannot be undone; without a terminal to ask on, pass --yes");
  const lines = createInterface({ input: shell.stdin, output: shell.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw usageError("not confirmed; nothing was changed");
  } finally {
    lines.close();
  }
}
