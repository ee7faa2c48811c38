/** People at a command line, in this process, against a running server: an administrator by certificate, others by token. */
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKeystead } from "@keystead/client/client";
import { runIn } from "../../clients/cli/recording-shell.ts";
import type { RunningServer } from "./running-server.ts";
import type { Door } from "./surfaces.ts";
import { mint } from "./tokens.ts";

/** The administrator's way in. */
export const doorOf = (server: RunningServer): Door & { ca: string; cert: string; key: string } => ({
  origin: server.api,
  ca: server.credential("ca.pem"),
  cert: server.credential("admin.pem"),
  key: server.credential("admin-key.pem"),
});

/** A command line by the administrator's certificate, working in `cwd`. */
export async function administratorRuns(
  server: RunningServer,
  cwd: string,
  ...args: string[]
): Promise<{ exit: number; out: string; err: string }> {
  const { ca, cert, key } = doorOf(server);
  const { exit, out, err } = await runIn({ client: createKeystead({ endpoint: server.api, ca, cert, key }), cwd }, ...args);
  return { exit, out: out.toString("utf8"), err };
}

/** The same by somebody with a token and this role. */
export async function personRuns(
  name: string,
  role: string,
  server: RunningServer,
  cwd: string,
  ...args: string[]
): Promise<{ exit: number; out: string }> {
  const token = await mint(server.credential("token-key.pem"), { sub: name, roles: [role] });
  const client = createKeystead({ endpoint: server.api, ca: server.credential("ca.pem"), token });
  const { exit, out, err } = await runIn({ client, cwd }, ...args);
  return { exit, out: `${out.toString("utf8")}${err}` };
}

/** New approver keys, private in `<folder>/<name>.pem`. @returns for the configuration, by name */
export function approverKeys(folder: string, ...names: string[]): ReadonlyMap<string, { principal: string; public_key: string }> {
  return new Map(
    names.map((name) => {
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      writeFileSync(join(folder, `${name}.pem`), privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
      const text = publicKey.export({ format: "der", type: "spki" }).toString("base64");
      return [name, { principal: `jwt:keystead-local:${name}`, public_key: text }];
    }),
  );
}
