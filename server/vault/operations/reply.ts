/**
 * A reply as bytes, ready for the channel.
 *
 * A large field that is the reply's own stays where it is and becomes a piece of the payload: copying a mebibyte into a
 * message, and from there into a frame, costs more than encrypting it. The field then stands first, which protobuf
 * leaves to the writer.
 *
 * @see https://protobuf.dev/programming-guides/encoding/#order
 */
import { create, toBinary, type DescMessage } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Payload } from "@keystead/channel/payload";
import { wipe } from "@keystead/crypto/wipe";
import type { Result } from "./handler.ts";

/** Fields from this size on are not copied. */
const LARGE_BYTES = 32 * 1024;

/** The payload, which is the channel's to wipe. The result's secrets are wiped unless they are a part of it. */
export function encodeReply(output: DescMessage, { reply, own, secrets = [] }: Result<DescMessage>): Payload {
  const large = own === undefined ? undefined : (reply as Readonly<Record<string, unknown>>)[own];
  const field = output.fields.find(({ localName }) => localName === own);
  if (field === undefined || !(large instanceof Uint8Array) || large.length < LARGE_BYTES) {
    const bytes = toBinary(output, create(output, reply));
    wipe(...secrets);
    return viewOf(bytes);
  }
  const rest = toBinary(output, create(output, { ...reply, [field.localName]: undefined }));
  wipe(...secrets.filter((secret) => secret !== large));
  const head = new BinaryWriter().tag(field.number, WireType.LengthDelimited).uint32(large.length).finish();
  return [viewOf(head), viewOf(large), viewOf(rest)];
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength);
