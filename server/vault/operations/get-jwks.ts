import { getJwks as operation } from "@keystead/contract/operations/get-jwks";
import { handler } from "./handler.ts";

/** The keys that verify access tokens. */
export const getJwks = handler(operation, async (_, { identity }) => {
  const keys = identity.keys.all().map(({ kid, x }) => ({ kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" }));
  return { reply: { keys } };
});
