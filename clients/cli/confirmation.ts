/** Asks before something that cannot be undone. Without a terminal only `--yes` is an answer. */
import { createInterface } from "node:readline/promises";
import type { Shell } from "./shell.ts";
import { usageError } from "./usage-error.ts";

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
