/**
 * RSA keys of 2048, 3072 and 4096 bits: how they come to be and how they come in.
 *
 * A key that comes from outside is checked number by number, and once by a signature. Keys of type RSASSA-PSS
 * (RFC 4055, with restrictions inside the key) and multi-prime keys are refused: this file must never import a key whose
 * own rules it would not enforce.
 *
 * @see RFC 8017 §3; FIPS 186-5 App. A.1; RFC 7518 §6.3
 */
import { createPublicKey, generateKeyPair, sign, verify, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { readSequence, unsignedInteger } from "../formats/der.ts";
import type { Mechanism } from "../mechanism.ts";
import { wipe } from "../wipe.ts";
import { loadPrivateKey, readPrivateKey, storePrivateKey } from "./private-key.ts";
import { keyRefused } from "./refusals.ts";
import { rsaCipher } from "./rsa-cipher.ts";
import { rsaNumbersAgree, type RsaNumbers } from "./rsa-numbers.ts";
import { rsaWrapper } from "./rsa-wrapper.ts";
import { rsaSigner } from "./rsa-signer.ts";

const generateAsync = promisify(generateKeyPair);
const PUBLIC_EXPONENT = 65537;
/** e must lie between 2^16 and 2^256 (FIPS 186-5 App. A.1.1); in bytes. */
const MAX_EXPONENT_BYTES = 32;
const JOSE = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512"];

function rsa(algorithm: "RSA-2048" | "RSA-3072" | "RSA-4096", sizeBits: number): Mechanism {
  const isOurs = (key: KeyObject): boolean =>
    key.type === "private" && key.asymmetricKeyType === "rsa" && key.asymmetricKeyDetails?.modulusLength === sizeBits;
  return Object.freeze<Mechanism>({
    algorithm,
    generate: async () => (await generateAsync("rsa", { modulusLength: sizeBits, publicExponent: PUBLIC_EXPONENT })).privateKey,
    load: (material) => loadPrivateKey(material, isOurs),
    store: storePrivateKey,
    importKey(format, bytes) {
      if (format === "raw" || format === "sec1") throw keyRefused("an RSA key is imported as pkcs8, jwk or pem");
      const { key, der } = readPrivateKey(format, bytes, JOSE);
      wipe(der);
      if (key.asymmetricKeyType !== "rsa") throw keyRefused("it is not an RSA (rsaEncryption) private key");
      if (!isOurs(key)) throw keyRefused(`its modulus is not ${sizeBits} bits long`);
      checkNumbers(key);
      checkBySigning(key);
      return key;
    },
    signer: rsaSigner(sizeBits),
    cipher: rsaCipher,
    wrapper: rsaWrapper,
  });
}

function checkNumbers(key: KeyObject): void {
  const der = key.export({ format: "der", type: "pkcs1" });
  try {
    const numbers = readNumbers(der);
    if (numbers === undefined) throw keyRefused("it is not a two-prime RSA key");
    const { e } = numbers;
    const low = (e[e.byteLength - 1] ?? 0) % 2;
    if (e.byteLength < 3 || e.byteLength > MAX_EXPONENT_BYTES || low === 0) {
      throw keyRefused("the public exponent must be odd and between 2^16 and 2^256");
    }
    if (!rsaNumbersAgree(numbers)) throw keyRefused("its numbers do not belong together");
  } finally {
    wipe(der);
  }
}

/** RSAPrivateKey of RFC 8017 App. A.1.2 as OpenSSL wrote it, as views of `der`; a tenth element would be further primes. */
function readNumbers(der: Buffer): RsaNumbers | undefined {
  const elements = readSequence(der);
  if (elements?.length !== 9) return undefined;
  const [, n, e, d, p, q, dp, dq, qi] = elements.map((element) => unsignedInteger(der, element));
  if (!n || !e || !d || !p || !q || !dp || !dq || !qi) return undefined;
  return { n, e, d, p, q, dp, dq, qi };
}

const PROBE = Buffer.from("keystead: does the public half verify what the private half signs?");

function checkBySigning(key: KeyObject): void {
  let valid = false;
  try {
    valid = verify("sha256", PROBE, createPublicKey(key), sign("sha256", PROBE, key));
  } catch {
    valid = false; // OpenSSL notices some broken keys itself
  }
  if (!valid) throw keyRefused("it does not sign");
}

export const rsa2048: Mechanism = rsa("RSA-2048", 2048);
export const rsa3072: Mechanism = rsa("RSA-3072", 3072);
export const rsa4096: Mechanism = rsa("RSA-4096", 4096);
