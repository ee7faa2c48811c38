import { digestName } from "@keystead/contract/enum-names";
import { HsmError } from "@keystead/contract/errors";
import { hash as operation } from "@keystead/contract/operations/hash";
import { digest } from "@keystead/crypto/digest";
import { handler } from "./handler.ts";

/** Digests data; no key takes part. */
export const hash = handler(operation, async ({ request }) => {
  const name = digestName(request.algorithm);
  if (name === undefined) throw new HsmError("INVALID_REQUEST", "algorithm is missing");
  return { reply: { digest: digest(name, request.data), algorithm: request.algorithm } };
});
