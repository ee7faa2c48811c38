/** `keystead keys activate`, `suspend`, `resume`, `deactivate`: the steps of a key's life that need nothing but its name. */
import type { Command } from "commander";
import type { Keystead } from "@keystead/client/client";
import type { ChangedKeyResponse } from "@keystead/client/shapes";
import { leaf, type Run } from "../command-tree.ts";
import { keyFacts } from "./key-facts.ts";

type Step = (keystead: Keystead, keyId: string) => Promise<ChangedKeyResponse>;

function step(name: string, summary: string, notes: string, take: Step): (parent: Command, run: Run) => void {
  return (parent, run) => {
    leaf(parent, run, {
      usage: `${name} <key>`,
      summary,
      notes,
      examples: [`keystead keys ${name} release`],
      body: async (context, _options, [keyId = ""]) => {
        const answer = await take(await context.connect(), keyId);
        await context.print(answer, () => keyFacts(context, answer.key));
      },
    });
  };
}

export const keysActivate = step("activate", "Make a staged key usable", "Now becomes its start date.", (keystead, keyId) =>
  keystead.activateKey({ keyId }),
);
export const keysSuspend = step(
  "suspend",
  "Take an active key out of use for a while",
  "Nothing can be done with it until `keystead keys resume`.",
  (keystead, keyId) => keystead.suspendKey({ keyId }),
);
export const keysResume = step("resume", "Make a suspended key active again", "The inverse of suspend.", (keystead, keyId) =>
  keystead.resumeKey({ keyId }),
);
export const keysDeactivate = step(
  "deactivate",
  "End the active life of a key",
  "It still verifies and decrypts, and makes nothing new. There is no way back.",
  (keystead, keyId) => keystead.deactivateKey({ keyId }),
);
