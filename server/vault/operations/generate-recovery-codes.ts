import { generateRecoveryCodes as operation } from "@keystead/contract/operations/generate-recovery-codes";
import { wipe } from "@keystead/crypto/wipe";
import { ownName } from "./caller.ts";
import { handler } from "./handler.ts";

/** Ten codes that stand for the second factor once each. */
export const generateRecoveryCodes = handler(operation, async ({ request, principal }, { identity }) => {
  const name = ownName(principal);
  try {
    const argon2 = identity.argon2(principal.id);
    const { codes, change } = await identity.factors.generateRecoveryCodes(name, request.currentPassword, argon2);
    return { reply: { codes: [...codes] }, change };
  } finally {
    wipe(request.currentPassword);
  }
});
