/**
 * The scripts process, `keystead [scripts]`: runs policy scripts for the vault and can do nothing else.
 *
 * It has no permission at all: its own code to read, one descriptor to the vault, the launcher's channel. It holds no
 * key and no configuration. The vault asks, and ends it by way of the launcher when an answer takes too long; it is
 * then started again, knowing nothing.
 *
 * @see ARCHITECTURE.md "Policy scripts"
 */
import child_process from "node:child_process";
import { Socket } from "node:net";
import { constants, getPriority, setPriority } from "node:os";
import { Peer } from "@keystead/channel/peer";
import { answerer } from "./answer.ts";
import { requireWalls } from "./walls.ts";

/** setpriority(2): each step is about a fifth less. */
const NICE = 5;

process.title = "keystead [scripts]";
// The only function that adopts a channel from the environment; nothing here may ever fork.
delete (child_process as { _forkChild?: unknown })._forkChild;
// The launcher ends its parts in order; a signal to the whole group must not race it.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => process.exit(0));
process.on("disconnect", () => process.exit(0));
process.on("message", (message: { kind: string }, handle: unknown) => {
  (handle as { destroy?: () => void } | undefined)?.destroy?.();
  if (message.kind === "drain") process.exit(0);
});
process.on("uncaughtException", (error) => {
  process.stderr.write(`keystead [scripts]: ${error.name}: ${error.message}\n`);
  process.exit(70);
});

requireWalls();
// A third of the processor time that gateway and vault get where all three want it: a script that burns its fuel again
// and again takes it from scripts first. Counted from where they stand: nobody but root may go back from where a server
// was started.
setPriority(Math.min(getPriority() + NICE, constants.priority.PRIORITY_LOW));
const peer = new Peer(new Socket({ fd: 3, readable: true, writable: true }), {
  speaksFirst: false,
  answer: answerer(),
  onEnd: () => process.exit(0),
});
if (peer.open) process.send?.({ kind: "ready" });
