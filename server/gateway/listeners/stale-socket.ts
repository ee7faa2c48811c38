/**
 * What a server that crashed left where its unix socket was: removed, when it is a socket and nobody listens on it.
 *
 * Never removes anything else. The folder is this user's alone (server/launcher/users.ts), so nobody puts another file there
 * between the look and the removal.
 */
import { lstatSync, unlinkSync } from "node:fs";
import { connect } from "node:net";

/** @throws {Error} when there is a file of another kind, or a server that answers */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`server.unix_socket: ${path} is there and is no socket; remove it, or name another path`);
  if (await answers(path)) throw new Error(`server.unix_socket: another server listens on ${path}`);
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(error);
    });
  });
}
