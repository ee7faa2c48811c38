/**
 * Request messages written by hand, and the little of the replies that is read.
 *
 * The generator must cost as little as it can beside the server it measures; a library's encoder costs more than the
 * channel does. Field numbers are those of proto/hsm/hsm.proto; test of truth: the first reply of every
 * job is checked by `verifyReply` before anything is timed.
 */
import { constants, verify, type KeyObject } from "node:crypto";

const VARINT_LIMIT = 0x80;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= VARINT_LIMIT) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** A length-delimited field. */
function field(number: number, value: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(value.length)]), value]);
}

/** SignRequest, and EncryptRequest too: key_id = 2, data or plaintext = 3. */
export const useKeyRequest = (keyId: string, data: Uint8Array): Buffer => Buffer.concat([field(2, Buffer.from(keyId)), field(3, data)]);

/** GenerateKeyRequest without an id, algorithm = 3: the vault chooses one. */
export const generateKeyRequest = (algorithm: number): Buffer => Buffer.from([(3 << 3) | 0, ...varint(algorithm)]);

/** BatchRequest of `count` equal SignRequests. */
export function batchRequest(sign: Uint8Array, count: number): Buffer {
  const item = field(2, field(1, sign));
  return Buffer.concat(Array.from({ length: count }, () => item));
}

/** Length-delimited fields of a message, by number; others are skipped. */
export function fields(message: Uint8Array): { readonly number: number; readonly value: Uint8Array }[] {
  const found: { number: number; value: Uint8Array }[] = [];
  let at = 0;
  const read = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < VARINT_LIMIT) return value;
    }
  };
  while (at < message.length) {
    const tag = read();
    if ((tag & 7) === 0) read();
    else {
      const length = read();
      found.push({ number: tag >>> 3, value: message.subarray(at, at + length) });
      at += length;
    }
  }
  return found;
}

/** What a reply must be. */
export type Expectation =
  | { readonly kind: "signature"; readonly publicKey: KeyObject; readonly data: Uint8Array }
  | { readonly kind: "signatures"; readonly publicKey: KeyObject; readonly data: Uint8Array; readonly count: number }
  | { readonly kind: "ciphertext"; readonly bytes: number }
  | { readonly kind: "key" };

/** @throws when a reply message is not what was asked for */
export function verifyReply(reply: Uint8Array, expectation: Expectation): void {
  const parts = fields(reply);
  const first = parts.find(({ number }) => number === 1)?.value;
  if (first === undefined) throw new Error("the reply has no field 1");
  if (expectation.kind === "ciphertext") {
    if (first.length < expectation.bytes) throw new Error("the ciphertext is too short");
    return;
  }
  if (expectation.kind === "key") {
    if (!/^[0-9a-f-]{36}$/.test(Buffer.from(first).toString("latin1"))) throw new Error("the reply names no key");
    return;
  }
  const signatures =
    expectation.kind === "signature"
      ? [first]
      : parts.map(
          ({ value }) => fields(fields(value).find(({ number }) => number === 1)?.value ?? Buffer.alloc(0))[0]?.value ?? Buffer.alloc(0),
        );
  if (expectation.kind === "signatures" && signatures.length !== expectation.count)
    throw new Error(`${signatures.length} results for ${expectation.count} items`);
  const rsa = expectation.publicKey.asymmetricKeyType === "rsa";
  const key = rsa
    ? { key: expectation.publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
    : expectation.publicKey;
  for (const signature of signatures) {
    if (!verify(rsa ? "sha256" : null, expectation.data, key, signature)) throw new Error("a signature does not verify");
  }
}
