import { resumeKey as operation } from "@keystead/contract/operations/resume-key";
import { moveKey } from "../objects/lifecycle.ts";
import { changedKey } from "./changed-key.ts";
import { handler } from "./handler.ts";

/** Makes a suspended key active again. */
export const resumeKey = handler(operation, async ({ namespace, request }, { objects }) =>
  changedKey(
    await objects.alter(operation.name, namespace, request.keyId, (before, now) => moveKey(operation.name, request.keyId, before, now)),
  ),
);
