/**
 * For tests: an authenticator in software. It makes registrations and assertions as a browser would hand them on, and
 * whatever wrong ones a test asks for.
 *
 * @see W3C Web Authentication Level 3, §6.1 "Authenticator Data", §6.5 "Attestation"
 */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import type { Assertion } from "../assertion.ts";
import type { Registration } from "../registration.ts";

export type AuthenticatorAlgorithm = "ES256" | "EdDSA" | "RS256";

/** What a test may have wrong. */
export interface Deviations {
  readonly type?: string;
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: Uint8Array;
  readonly crossOrigin?: boolean;
  readonly userPresent?: boolean;
  readonly userVerified?: boolean;
  readonly counter?: number;
  readonly format?: string;
  /** Text of the client data, instead of what it would be. */
  readonly clientData?: (text: string) => string;
}

const head = (major: number, length: number): Buffer =>
  length < 24
    ? Buffer.from([(major << 5) | length])
    : length < 256
      ? Buffer.from([(major << 5) | 24, length])
      : Buffer.from([(major << 5) | 25, length >> 8, length & 255]);

/** CBOR of the few shapes that are needed here (RFC 8949): integers, byte strings, texts, maps. */
function cbor(value: number | string | Uint8Array | ReadonlyMap<number | string, unknown>): Buffer {
  if (typeof value === "number") return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === "string") return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([name, inner]) => [cbor(name), cbor(inner as number)])]);
}

const bytesOf = (text: string | undefined): Buffer => Buffer.from(text ?? "", "base64url");

export class SoftwareAuthenticator {
  readonly credentialId = randomBytes(32);
  counter = 0;
  readonly #algorithm: AuthenticatorAlgorithm;
  readonly #key: KeyObject;
  readonly #cose: Buffer;
  readonly #origin: string;
  readonly #rpId: string;

  constructor(rpId: string, origin: string, algorithm: AuthenticatorAlgorithm = "ES256") {
    this.#rpId = rpId;
    this.#origin = origin;
    this.#algorithm = algorithm;
    const { publicKey, privateKey } =
      algorithm === "ES256"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : algorithm === "EdDSA"
          ? generateKeyPairSync("ed25519")
          : generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.#key = privateKey;
    const jwk = publicKey.export({ format: "jwk" });
    const entries: [number, number | Buffer][] =
      algorithm === "ES256"
        ? [
            [1, 2],
            [3, -7],
            [-1, 1],
            [-2, bytesOf(jwk.x)],
            [-3, bytesOf(jwk.y)],
          ]
        : algorithm === "EdDSA"
          ? [
              [1, 1],
              [3, -8],
              [-1, 6],
              [-2, bytesOf(jwk.x)],
            ]
          : [
              [1, 3],
              [3, -257],
              [-1, bytesOf(jwk.n)],
              [-2, bytesOf(jwk.e)],
            ];
    this.#cose = cbor(new Map(entries));
  }

  register(challenge: Uint8Array, deviations: Deviations = {}): Registration {
    const id = Buffer.alloc(2);
    id.writeUInt16BE(this.credentialId.length);
    const credential = Buffer.concat([Buffer.alloc(16), id, this.credentialId, this.#cose]);
    const authData = Buffer.concat([this.#authenticatorData(deviations, 0x40, 0), credential]);
    return {
      credentialId: this.credentialId.toString("base64url"),
      clientDataJson: this.#clientData("webauthn.create", challenge, deviations),
      attestationObject: cbor(
        new Map<string, unknown>([
          ["fmt", deviations.format ?? "none"],
          ["attStmt", new Map()],
          ["authData", authData],
        ]),
      ),
    };
  }

  assert(challenge: Uint8Array, deviations: Deviations = {}): Assertion {
    this.counter += 1;
    const authenticatorData = this.#authenticatorData(deviations, 0, deviations.counter ?? this.counter);
    const clientDataJson = this.#clientData("webauthn.get", challenge, deviations);
    const signed = Buffer.concat([authenticatorData, createHash("sha256").update(clientDataJson).digest()]);
    return {
      credentialId: this.credentialId.toString("base64url"),
      clientDataJson,
      authenticatorData,
      signature: sign(this.#algorithm === "EdDSA" ? null : "sha256", signed, this.#key),
    };
  }

  #clientData(type: string, challenge: Uint8Array, deviations: Deviations): Buffer {
    const text = JSON.stringify({
      type: deviations.type ?? type,
      challenge: Buffer.from(deviations.challenge ?? challenge).toString("base64url"),
      origin: deviations.origin ?? this.#origin,
      crossOrigin: deviations.crossOrigin ?? false,
    });
    return Buffer.from(deviations.clientData?.(text) ?? text);
  }

  #authenticatorData({ rpId = this.#rpId, userPresent = true, userVerified = true }: Deviations, more: number, counter: number): Buffer {
    const flags = (userPresent ? 1 : 0) | (userVerified ? 4 : 0) | more;
    const rest = Buffer.alloc(5);
    rest[0] = flags;
    rest.writeUInt32BE(counter, 1);
    return Buffer.concat([createHash("sha256").update(rpId).digest(), rest]);
  }
}
