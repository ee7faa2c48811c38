/**
 * The public key of an authenticator's credential as everybody else writes public keys: COSE_Key to SubjectPublicKeyInfo.
 *
 * Only what an approver key can be is read: ECDSA on P-256 and Ed25519. Everything else is refused, not guessed.
 *
 * @see RFC 9052 §7 and RFC 9053 §7 (COSE keys); RFC 8949 (CBOR); W3C Web Authentication Level 3 §6.5.1
 */
import { createPublicKey } from "node:crypto";
import { HsmError } from "@keystead/contract/errors";

const KTY = 1;
const ALG = 3;
const CRV = -1;
const X = -2;
const Y = -3;
const MOST_MEMBERS = 8;

const notAKey = (why: string): HsmError =>
  new HsmError("INVALID_REQUEST", `the authenticator's public key cannot be an approver key: ${why}`);

/** An integer or a byte string, and where what follows begins. */
function readOne(bytes: Uint8Array, at: number): { readonly value: number | Uint8Array; readonly next: number } {
  const first = bytes[at];
  if (first === undefined) throw notAKey("it ends too early");
  const [major, short] = [first >> 5, first & 31];
  const wide = short === 24 ? 1 : short === 25 ? 2 : 0;
  if (short > 25) throw notAKey("it has a number that no such key has");
  let size = wide === 0 ? short : 0;
  for (let index = 0; index < wide; index += 1) {
    const byte = bytes[at + 1 + index];
    if (byte === undefined) throw notAKey("it ends too early");
    size = size * 256 + byte;
  }
  const next = at + 1 + wide;
  if (major === 0) return { value: size, next };
  if (major === 1) return { value: -1 - size, next };
  if (major !== 2 || next + size > bytes.length) throw notAKey("it holds something else than numbers and bytes");
  return { value: bytes.subarray(next, next + size), next: next + size };
}

/**
 * Reads a COSE_Key from the beginning of the bytes; what follows it (extensions of an authenticator) is not looked at.
 *
 * @returns SubjectPublicKeyInfo, DER
 * @throws {HsmError} INVALID_REQUEST for a key of another kind, or none
 */
export function spkiOfCose(bytes: Uint8Array): Buffer {
  const first = bytes[0] ?? 0;
  const count = first & 31;
  if (first >> 5 !== 5 || count > MOST_MEMBERS) throw notAKey("it is no map of a few members");
  const members = new Map<number, number | Uint8Array>();
  let at = 1;
  for (let index = 0; index < count; index += 1) {
    const name = readOne(bytes, at);
    const member = readOne(bytes, name.next);
    if (typeof name.value !== "number" || members.has(name.value)) throw notAKey("its members have no names, or one twice");
    members.set(name.value, member.value);
    at = member.next;
  }
  const part = (name: number): string => {
    const value = members.get(name);
    if (!(value instanceof Uint8Array) || value.length !== 32) throw notAKey("a coordinate has another length");
    return Buffer.from(value).toString("base64url");
  };
  const kind = [members.get(KTY), members.get(ALG), members.get(CRV)].join(" ");
  let jwk: { readonly kty: string; readonly crv: string; readonly x: string; readonly y?: string };
  if (kind === "2 -7 1") jwk = { kty: "EC", crv: "P-256", x: part(X), y: part(Y) };
  else if (kind === "1 -8 6") jwk = { kty: "OKP", crv: "Ed25519", x: part(X) };
  else throw notAKey("expected ES256 on P-256 or EdDSA on Ed25519");
  try {
    return createPublicKey({ key: jwk, format: "jwk" }).export({ format: "der", type: "spki" });
  } catch (cause) {
    throw new HsmError("INVALID_REQUEST", "the authenticator's public key is no point of its curve", { cause });
  }
}

/** rpIdHash, flags, counter; then the AAGUID and the length of the credential's id. */
const HEAD_BYTES = 37;
const AAGUID_BYTES = 16;
const ATTESTED = 0x40;

/**
 * The credential that authenticator data of a registration attests.
 *
 * @throws {HsmError} INVALID_REQUEST
 */
export function attestedCredential(authenticatorData: Uint8Array): { readonly id: Buffer; readonly spki: Buffer } {
  const at = HEAD_BYTES + AAGUID_BYTES;
  const size = ((authenticatorData[at] ?? 0) << 8) | (authenticatorData[at + 1] ?? 0);
  const attests = ((authenticatorData[HEAD_BYTES - 5] as number) & ATTESTED) !== 0;
  if (!attests || size === 0 || authenticatorData.length <= at + 2 + size) throw notAKey("the authenticator data attests no credential");
  const id = Buffer.from(authenticatorData.subarray(at + 2, at + 2 + size));
  return { id, spki: spkiOfCose(authenticatorData.subarray(at + 2 + size)) };
}
