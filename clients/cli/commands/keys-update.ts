/** `keystead keys update`: changes what is said about a key, and when it is rotated by itself. */
import type { Command } from "commander";
import type { RotationPolicy } from "@keystead/client/shapes";
import { collect, leaf, type Run } from "../command-tree.ts";
import { lengthOfTime } from "../time-options.ts";
import { usageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";
import { keyFacts } from "./key-facts.ts";

interface Options {
  readonly description?: string;
  readonly tag?: readonly string[];
  readonly removeTag?: readonly string[];
  readonly rotateEvery?: number;
  readonly keepVersions?: number;
  readonly revokeAfter?: number;
  /** False for --no-rotation. */
  readonly rotation: boolean;
}

/** The policy that the options describe; what they leave out has the server's default. */
function policyOf({ rotateEvery, keepVersions, revokeAfter }: Options): RotationPolicy | undefined {
  if (rotateEvery === undefined) {
    if (keepVersions !== undefined || revokeAfter !== undefined)
      throw usageError("--keep-versions and --revoke-after belong to --rotate-every");
    return undefined;
  }
  return {
    intervalSeconds: rotateEvery,
    maxVersions: keepVersions,
    overlapSeconds: revokeAfter,
    revokeAfterOverlap: revokeAfter !== undefined,
  };
}

export function keysUpdate(parent: Command, run: Run): void {
  leaf<Options>(parent, run, {
    usage: "update <key>",
    summary: "Change the description, the tags and the rotation policy of a key",
    examples: [
      "keystead keys update release --description 'signs releases' --tag team:build --remove-tag team:qa",
      "keystead keys update release --rotate-every 90d --keep-versions 5",
    ],
    options: (command) =>
      command
        .option("--description <text>", "the new description")
        .option("--tag <tag>", "a tag to add; repeat for more", collect)
        .option("--remove-tag <tag>", "a tag to remove; repeat for more", collect)
        .option("--rotate-every <time>", "rotate it by itself, such as every 90d", lengthOfTime("--rotate-every"))
        .option("--keep-versions <number>", "versions to keep (default: 5)", wholeNumber("--keep-versions", 1, 100))
        .option("--revoke-after <time>", "revoke older versions so long after a rotation (default: never)", lengthOfTime("--revoke-after"))
        .option("--no-rotation", "rotate it only when asked to"),
    body: async (context, options, [keyId = ""]) => {
      const { description, tag, removeTag, rotation } = options;
      const answer = await (
        await context.connect()
      ).updateKey({
        keyId,
        description,
        addTags: tag,
        removeTags: removeTag,
        rotationPolicy: policyOf(options),
        removeRotationPolicy: rotation ? undefined : true,
      });
      await context.print(answer, () => keyFacts(context, answer.key));
    },
  });
}
