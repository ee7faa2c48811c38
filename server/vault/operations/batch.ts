import type { MessageInitShape } from "@bufbuild/protobuf";
import { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import type { BatchResultSchema } from "@keystead/contract/generated/hsm/hsm_pb";
import { batch as operation } from "@keystead/contract/operations/batch";
import { decrypt } from "@keystead/contract/operations/decrypt";
import { encrypt } from "@keystead/contract/operations/encrypt";
import { generateMac } from "@keystead/contract/operations/generate-mac";
import { rewrapData } from "@keystead/contract/operations/rewrap-data";
import { signDigest } from "@keystead/contract/operations/sign-digest";
import { sign } from "@keystead/contract/operations/sign";
import { verify } from "@keystead/contract/operations/verify";
import { handler, type ItemResult } from "./handler.ts";

const ROWS: Readonly<Record<string, Operation>> = Object.freeze({
  sign,
  verify,
  encrypt,
  decrypt,
  generateMac,
  rewrapData,
  signDigest,
} as unknown as Record<string, Operation>);

/** Every item on its own: its own decision, its own result; one that fails spoils no other. */
export const batch = handler(operation, async (invocation) => {
  const perform = invocation.item;
  if (perform === undefined) throw new TypeError("Batch needs items performed");
  const done = await Promise.all(
    invocation.request.items.map((item): Promise<ItemResult> => {
      const { case: name, value } = item.operation;
      const row = name === undefined ? undefined : ROWS[name];
      if (row === undefined || value === undefined) throw new HsmError("INVALID_REQUEST", "an item names no operation");
      return perform(row, value);
    }),
  );
  const results = done.map(({ reply, error }, index): MessageInitShape<typeof BatchResultSchema> => {
    if (error !== undefined) return { result: { case: "error", value: error } };
    const name = invocation.request.items[index]?.operation.case;
    return { result: { case: name, value: reply } } as MessageInitShape<typeof BatchResultSchema>;
  });
  return { reply: { results }, items: done.map(({ event }) => event) };
});
