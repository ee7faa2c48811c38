/**
 * `keystead`: runs one command line in this process. Started by keystead.cjs.
 *
 * The young generation is kept small before anything is loaded: streams make garbage in chunks of 64 KiB, and V8 would
 * let some 60 MB of it pile up before it looked.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--max-semi-space-size=1");
setFlagsFromString("--semi-space-growth-factor=1");

const { runProgram } = await import("./program.ts");
const { processShell } = await import("./shell.ts");

process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 10));
process.exitCode = await runProgram(process.argv.slice(2), processShell());
// Stdin may still be open to a terminal; nothing is left to do.
process.stdin.unref?.();
