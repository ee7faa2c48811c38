/** `keystead sessions`: which are open, and ending them. */
import type { Command } from "commander";
import { group, leaf, type Run } from "../command-tree.ts";
import { usageError } from "../usage-error.ts";
import { dateText } from "./key-facts.ts";

interface Options {
  readonly of?: string;
  readonly all?: boolean;
}

export function sessions(root: Command, run: Run): void {
  const parent = group(root, "sessions", "List and end sessions");
  leaf<Options>(parent, run, {
    usage: "list",
    summary: "List your sessions, somebody's, or everybody's",
    examples: ["keystead sessions list", "keystead sessions list --of user:alice", "keystead sessions list --all"],
    options: (command) => command.option("--of <principal>", "whose, such as user:alice or service:builder").option("--all", "everybody's"),
    body: async (context, options) => {
      const principal = options.all === true ? "*" : options.of;
      const all = await (await context.connect()).listSessions({ principal });
      await context.print({ sessions: all }, () =>
        context.table(
          ["session", "principal", "from", "since", "until", "bound to"],
          all.map((one) => [
            one.current ? `${one.sessionId} (this)` : one.sessionId,
            one.principal,
            one.address,
            dateText(one.createdAt),
            dateText(one.expiresAt),
            [...(one.certificateBound ? ["certificate"] : []), ...(one.addressBound ? ["address"] : [])].join(", "),
          ]),
        ),
      );
    },
  });
  leaf<Options>(parent, run, {
    usage: "revoke [session]",
    summary: "End a session at once, or all of somebody's with --all",
    examples: [
      "keystead sessions revoke 5nE0 --of user:alice",
      "keystead sessions revoke --all --of user:alice",
      "keystead sessions revoke --all",
    ],
    options: (command) => command.option("--of <principal>", "whose, for an administrator").option("--all", "all of them"),
    body: async (context, options, [sessionId]) => {
      if ((sessionId === undefined) !== (options.all === true)) throw usageError("name one session, or pass --all");
      const revoked = await (await context.connect()).revokeSession({ principal: options.of, sessionId });
      await context.print({ revoked }, () => `${revoked} ${revoked === 1 ? "session has" : "sessions have"} ended\n`);
    },
  });
  leaf(parent, run, {
    usage: "keys",
    summary: "Show the public keys that verify access tokens",
    examples: ["keystead sessions keys --json"],
    body: async (context) => {
      const jwks = await (await context.connect({ token: undefined, tokenProvider: undefined })).getJwks();
      await context.print(jwks, () =>
        context.table(
          ["key", "algorithm", "x"],
          jwks.keys.map(({ kid, alg, x }) => [kid, alg, x]),
        ),
      );
    },
  });
}
