import { loginToken as operation } from "@keystead/contract/operations/login-token";
import { wipe } from "@keystead/crypto/wipe";
import { actorOf, peerOf } from "./caller.ts";
import { handler } from "./handler.ts";
import { roleOf, tokenMessage } from "./token-message.ts";
import { tokensMessage } from "./user-message.ts";

/** Begins a session of a token's user or security officer. */
export const loginToken = handler(operation, async ({ request, peer }, { identity }) => {
  const { name, pin, bindAddress } = request;
  const from = peerOf(peer);
  const role = roleOf(request.role);
  let outcome: Awaited<ReturnType<typeof identity.tokens.login>>;
  try {
    outcome = await identity.tokens.login(name, role, pin, bindAddress, from, identity.argon2(from.address));
  } finally {
    wipe(pin);
  }
  const { tokens, change, subject } = outcome;
  const record = identity.tokens.find(name);
  const { isSet, changedAt } = identity.tokens.factsOf(name, role);
  // What was held against the PIN is forgiven with this.
  const pins = { [role]: identity.tokens.factsAfter(isSet, changedAt) };
  const token = record === undefined ? {} : { token: tokenMessage(name, record, identity, pins) };
  return { reply: { tokens: tokensMessage(tokens), ...token }, change, actor: actorOf(subject), namespace: record?.namespace ?? "" };
});
