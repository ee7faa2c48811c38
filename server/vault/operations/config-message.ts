/**
 * Versions of the configuration in their wire shape.
 */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ConfigHead } from "./configuration-control.ts";

export const configMessage = ({ version, digest, previous, time, signature, publicKey, acceptance }: ConfigHead) => ({
  version,
  digest,
  previous,
  createdAt: timestampFromMs(time),
  signature: Buffer.from(signature, "base64"),
  publicKey: Buffer.from(publicKey, "base64"),
  ...(acceptance === undefined
    ? {}
    : {
        acceptedBy: acceptance.by,
        acceptedAt: timestampFromMs(acceptance.time),
        acceptanceStatement: acceptance.statement,
        acceptanceSignature: Buffer.from(acceptance.signature, "base64"),
      }),
});
