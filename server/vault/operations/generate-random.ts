import { randomFillSync } from "node:crypto";
import { generateRandom as operation } from "@keystead/contract/operations/generate-random";
import { secretBuffer } from "@keystead/crypto/wipe";
import { handler } from "./handler.ts";

/** Bytes of OpenSSL's generator. */
export const generateRandom = handler(operation, async ({ request }) => {
  const random = randomFillSync(secretBuffer(request.sizeBytes));
  return { reply: { random }, secrets: [random] };
});
