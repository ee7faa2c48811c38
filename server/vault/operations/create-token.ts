import { createToken as operation } from "@keystead/contract/operations/create-token";
import { wipe } from "@keystead/crypto/wipe";
import { handler } from "./handler.ts";
import { algorithmsOf, tokenMessage } from "./token-message.ts";

/** Makes a token with its security officer's PIN, and its user's when one is given. */
export const createToken = handler(operation, async ({ namespace, principal, request }, { identity, objects }) => {
  const { label, soPin, userPin } = request;
  try {
    await objects.describeNamespace(namespace);
    const view = { tags: request.tags, algorithms: algorithmsOf(request.algorithms) };
    const wanted = { namespace, name: request.name, label, view, soPin, userPin };
    const { name, record, change, warnings } = await identity.tokens.create(principal, wanted, identity.argon2(principal.id));
    const facts = (isSet: boolean): ReturnType<typeof identity.tokens.factsAfter> => identity.tokens.factsAfter(isSet, record.createdAt);
    const pins = { so: facts(true), user: facts(userPin.length > 0) };
    return { reply: { token: tokenMessage(name, record, identity, pins), warnings: [...warnings] }, change };
  } finally {
    wipe(soPin, userPin);
  }
});
