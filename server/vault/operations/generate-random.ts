import { generateRandom as operation } from "@keystead/contract/operations/generate-random";
import { fillRandom } from "@keystead/crypto/random";
import { secretBuffer } from "@keystead/crypto/wipe";
import { handler } from "./handler.ts";

/** Bytes of OpenSSL's generator. */
export const generateRandom = handler(operation, async ({ request }) => {
  const random = fillRandom(secretBuffer(request.sizeBytes));
  return { reply: { random }, own: "random", secrets: [random] };
});
