/**
 * The result of an operation that changes one key and answers with what it is now.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { KeySchema } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Change } from "../objects/change.ts";
import type { PreparedKey } from "../objects/key-shapes.ts";
import { keyMessage } from "./key-message.ts";

/** The handler's result. */
export const changedKey = ({
  described,
  change,
}: PreparedKey): { reply: { keyId: string; key: MessageInitShape<typeof KeySchema> }; version: number; change: Change } => ({
  reply: { keyId: described.keyId, key: keyMessage(described) },
  version: change.moved?.to.version ?? described.attributes.current,
  change,
});
