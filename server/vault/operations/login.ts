import { login as operation } from "@keystead/contract/operations/login";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { FactorKind } from "@keystead/contract/generated/hsm/identity_pb";
import { wipe } from "@keystead/crypto/wipe";
import { actorOf, peerOf } from "./caller.ts";
import { tokensMessage } from "./user-message.ts";
import { handler } from "./handler.ts";

const KINDS = { totp: FactorKind.TOTP, webauthn: FactorKind.WEBAUTHN, recovery_code: FactorKind.RECOVERY_CODE } as const;

/** Begins a session, or asks for the second factor. */
export const login = handler(operation, async ({ request, peer }, { identity }) => {
  const from = peerOf(peer);
  let outcome: Awaited<ReturnType<typeof identity.logins.login>>;
  try {
    outcome = await identity.logins.login(request.name, request.password, request.bindAddress, from, identity.argon2(from.address));
  } finally {
    wipe(request.password);
  }
  if ("tokens" in outcome)
    return { reply: { tokens: tokensMessage(outcome.tokens) }, change: outcome.change, actor: actorOf(outcome.subject) };
  const { challengeId, factors, expiresAt, webAuthnChallenge, rpId, credentialIds } = outcome;
  const challenge = {
    challengeId,
    factors: factors.map((factor) => KINDS[factor]),
    expiresAt: timestampFromMs(expiresAt),
    webauthnChallenge: webAuthnChallenge,
    rpId,
    credentialIds: [...credentialIds],
  };
  return { reply: { challenge }, actor: actorOf({ kind: "user", name: request.name }) };
});
