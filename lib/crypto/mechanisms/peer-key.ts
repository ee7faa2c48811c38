/**
 * The public key of somebody else, as it arrives for an agreement.
 *
 * It is taken as SubjectPublicKeyInfo (DER or PEM), as a JWK, or bare: a point (compressed or not) on the NIST curves and
 * secp256k1, the u-coordinate on Curve25519 and Curve448. What it is shows in its first byte and its length. OpenSSL
 * checks that a point is on the curve; it forgives much in DER, so DER must come out again as it went in. This file must
 * never take a private key for a public one.
 *
 * @see SP 800-56A Rev. 3 §5.6.2.3 (public-key validation); RFC 7748 §5; RFC 5480 §2; RFC 8410 §4
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { readSequence } from "../formats/der.ts";
import { parseJwk } from "../formats/jwk.ts";
import { paramInvalid } from "./refusals.ts";

/** Longest peer key that is read at all, in bytes. */
const MAX_PEER_BYTES = 4096;
const SEQUENCE = 0x30;
const BRACE = 0x7b;
const DASH = 0x2d;

/** The curve a peer key must be on. */
export interface PeerCurve {
  readonly type: "ec" | "x25519" | "x448";
  /** For "ec": Node's name. */
  readonly namedCurve?: string;
  /** Lengths a bare key may have. */
  readonly rawBytes: readonly number[];
}

const refused = (): Error => paramInvalid("the peer's public key is not a sound key of this key's curve");

/** The peer's key. @throws {HsmError} MECHANISM_PARAM_INVALID, one detail for every reason */
export function readPeerKey(bytes: Uint8Array, curve: PeerCurve): KeyObject {
  if (bytes.byteLength > MAX_PEER_BYTES) throw refused();
  let key: KeyObject;
  try {
    key = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), curve);
  } catch {
    throw refused(); // OpenSSL's messages are not for callers
  }
  if (key.type !== "public" || key.asymmetricKeyType !== curve.type) throw refused();
  if (curve.type === "ec" && key.asymmetricKeyDetails?.namedCurve !== curve.namedCurve) throw refused();
  return key;
}

function parse(bytes: Buffer, curve: PeerCurve): KeyObject {
  if (curve.rawBytes.includes(bytes.byteLength)) return createPublicKey(raw(bytes, curve));
  if (bytes[0] === BRACE) {
    const jwk = parseJwk(bytes, ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"]);
    if ("d" in jwk) throw refused();
    return createPublicKey({ key: jwk, format: "jwk" });
  }
  if (bytes[0] === SEQUENCE) return fromDer(bytes, curve);
  if (bytes[0] === DASH) return fromDer(fromPem(bytes), curve);
  throw refused();
}

/** 0x04 before a whole point, 0x02 or 0x03 before a compressed one; OpenSSL also reads 0x06 and 0x07 (X9.62 "hybrid"). */
function checkPoint(first: number | undefined): void {
  if (first !== 0x04 && first !== 0x02 && first !== 0x03) throw refused();
}

function raw(bytes: Buffer, { type, namedCurve }: PeerCurve): Parameters<typeof createPublicKey>[0] {
  if (type !== "ec") return { key: bytes, format: "raw-public", asymmetricKeyType: type };
  checkPoint(bytes[0]);
  return { key: bytes, format: "raw-public", asymmetricKeyType: type, namedCurve: namedCurve ?? "" };
}

function fromPem(bytes: Buffer): Buffer {
  const [, body] = /^\s*-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)\s-----END PUBLIC KEY-----\s*$/.exec(bytes.toString("latin1")) ?? [];
  if (body === undefined) throw refused();
  return Buffer.from(Uint8Array.fromBase64(body));
}

/** DER that OpenSSL reads and writes again byte for byte (it keeps a compressed point compressed). */
function fromDer(der: Buffer, { type }: PeerCurve): KeyObject {
  const bits = readSequence(der)?.[1];
  if (type === "ec") checkPoint(bits === undefined ? undefined : der[bits.start + 1]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  if (!key.export({ format: "der", type: "spki" }).equals(der)) throw refused();
  return key;
}
