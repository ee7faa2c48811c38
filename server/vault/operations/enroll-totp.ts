import { enrollTotp as operation } from "@keystead/contract/operations/enroll-totp";
import { wipe } from "@keystead/crypto/wipe";
import { ownName } from "./caller.ts";
import { handler } from "./handler.ts";

/** Begins to add an authenticator app. */
export const enrollTotp = handler(operation, async ({ request, principal }, { identity }) => {
  const name = ownName(principal);
  try {
    return { reply: await identity.factors.enrolTotp(name, request.label, request.currentPassword, identity.argon2(principal.id)) };
  } finally {
    wipe(request.currentPassword);
  }
});
