import { updateKey as operation } from "@keystead/contract/operations/update-key";
import { HsmError } from "@keystead/contract/errors";
import { requireState } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";
import { rotationRules } from "./rotation-message.ts";

/** As many as a key can be made with. */
const MAX_TAGS = 64;

/** Changes what people say of a key. Tags are added and removed one by one, so that two who change them at once both succeed. */
export const updateKey = handler(operation, async ({ namespace, request }, { objects }) => {
  const { keyId, description, addTags, removeTags, rotationPolicy, removeRotationPolicy } = request;
  if (description === undefined && addTags.length + removeTags.length === 0 && rotationPolicy === undefined && !removeRotationPolicy)
    throw new HsmError("INVALID_REQUEST", "nothing is to be changed");
  return changedKey(
    await objects.edit(namespace, keyId, (before, now) => {
      requireState(operation.name, keyId, before);
      const tags = [...new Set([...before.tags, ...addTags])].filter((tag) => !removeTags.includes(tag));
      if (tags.length > MAX_TAGS) throw new HsmError("INVALID_REQUEST", `tags: a key has at most ${MAX_TAGS}`);
      const { rotation: ruled, ...rest } = before;
      const rotation = removeRotationPolicy ? undefined : rotationPolicy === undefined ? ruled : rotationRules(rotationPolicy);
      return {
        attributes: {
          ...rest,
          ...(rotation === undefined ? {} : { rotation }),
          tags,
          description: description ?? before.description,
          updatedAt: now,
        },
      };
    }),
  );
});
