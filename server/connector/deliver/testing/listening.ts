/** For tests: waits for a server that does not say when it is ready. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";

/** Between two attempts. */
const PAUSE_MS = 20;

/**
 * Resolves once a connection to the port is accepted, or there is nobody any more who could.
 *
 * @param portOf asked before each attempt; 0 = not known yet
 */
export async function listening(server: ChildProcess, portOf: () => number): Promise<void> {
  while (server.exitCode === null && server.signalCode === null) {
    const port = portOf();
    if (port !== 0) {
      const socket = connect(port, "127.0.0.1");
      const open = await once(socket, "connect").then(
        () => true,
        () => false,
      );
      socket.destroy();
      if (open) return;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
