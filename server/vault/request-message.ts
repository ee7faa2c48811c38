/**
 * The message of a request: from bytes to something that was understood whole, and the digest that stands for it in the log.
 *
 * The gateway's reading of it counts for nothing, so nothing here is shared with it but the rules of the contract.
 */
import { fromBinary, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";
import { hash } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";
import type { Operation } from "@keystead/contract/operation";
import { validatorFor } from "@keystead/contract/validate";

const EMPTY = Buffer.alloc(0);

/** SHA-256 of a request body. Not of one with a password in it: its digest would let anybody with the log guess. */
export const payloadDigest = (operation: Operation, body: Uint8Array): string =>
  operation.sealedPayload === true ? "" : hash("sha256", body, "hex");

/** The request message, understood whole. @throws {HsmError} INVALID_REQUEST */
export function parseMessage(operation: Operation, body: Buffer): MessageShape<DescMessage> {
  let request: MessageShape<DescMessage>;
  try {
    request = fromBinary(operation.method.input, body);
  } catch {
    throw new HsmError("INVALID_REQUEST", "the message cannot be read");
  }
  return checkedMessage(operation, request);
}

/** The message, if it keeps the rules. @throws {HsmError} INVALID_REQUEST naming at most eight fields */
export function checkedMessage<M extends Message>(operation: Operation, request: M): M {
  refuseUnknownFieldsDeep(operation.method.input, request);
  const violations = validatorFor(operation.method.input)(request);
  const [first] = violations;
  if (first !== undefined)
    throw new HsmError(
      "INVALID_REQUEST",
      violations
        .slice(0, 8)
        .map((violation) => `${violation.field}: ${violation.message}`)
        .join("; "),
    );
  return request;
}

/** Sign what you understand: a field this server does not know could mean anything. @throws {HsmError} INVALID_REQUEST */
export function refuseUnknownFields(message: Message): void {
  const [unknown] = message.$unknown ?? [];
  if (unknown !== undefined) throw new HsmError("INVALID_REQUEST", `unknown field number ${unknown.no}`);
}

/** The same for a message within it. Items of a list are judged where each is performed. @throws {HsmError} INVALID_REQUEST */
function refuseUnknownFieldsDeep(desc: DescMessage, message: Message): void {
  refuseUnknownFields(message);
  for (const field of desc.fields) {
    if (field.fieldKind !== "message") continue;
    const inner = (message as unknown as Readonly<Record<string, Message | undefined>>)[field.localName];
    if (inner !== undefined) refuseUnknownFieldsDeep(field.message, inner);
  }
}

/** What an item's digest covers: its data, whatever its kind calls it. */
export function payloadOf(request: object): Uint8Array {
  const { data, plaintext, ciphertext } = request as { data?: Uint8Array; plaintext?: Uint8Array; ciphertext?: Uint8Array };
  return data ?? plaintext ?? ciphertext ?? EMPTY;
}
