/** `keystead`: runs one command line in this process. Started by keystead.cjs. */
import { runProgram } from "./program.ts";
import { processShell } from "./shell.ts";

process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 10));
process.exitCode = await runProgram(process.argv.slice(2), processShell());
// Stdin may still be open to a terminal; nothing is left to do.
process.stdin.unref?.();
