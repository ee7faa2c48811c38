/**
 * Signing in with SCRAM: neither side shows the other the password, and each proves that it has what belongs to it.
 *
 * Without channel binding, which Kafka does not have; the connection is TLS's to guard.
 *
 * @see RFC 5802; RFC 7677 (SHA-256); Kafka documentation, "Authentication using SASL/SCRAM"
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { unavailable } from "../../dial.ts";

/** What a server may ask of us; Kafka's own most is 16384. */
const ITERATIONS = Object.freeze({ least: 4096, most: 262_144 });
const CLIENT_FIRST = "n,,";

export type ScramHash = "sha256" | "sha512";

const derived = promisify(pbkdf2);
const hmac = (hash: ScramHash, key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest();
/** §5.1: `saslname`. */
const escaped = (name: string): string => name.replaceAll("=", "=3D").replaceAll(",", "=2C");

/**
 * @param password is read and not kept
 * @param exchange sends one message and brings the answer to it
 * @param nonce ours; given by tests alone
 * @throws {HsmError} PROVIDER_UNAVAILABLE   the server's messages are none, or it does not know the password either
 */
export async function scram(
  hash: ScramHash,
  name: string,
  password: Buffer,
  exchange: (message: Buffer) => Promise<Buffer>,
  nonce: string = randomBytes(24).toString("base64"),
): Promise<void> {
  const bare = `n=${escaped(name)},r=${nonce}`;
  const first = (await exchange(Buffer.from(CLIENT_FIRST + bare, "utf8"))).toString("utf8");
  const [, both = "", salt = "", count = ""] = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})$/.exec(first) ?? [];
  const iterations = Number(count);
  // Its nonce goes on from ours: an answer to somebody else is none to us.
  const fresh = both.startsWith(nonce) && both.length > nonce.length;
  if (!fresh || iterations < ITERATIONS.least || iterations > ITERATIONS.most) throw unavailable("the broker's SCRAM message is none");

  const salted = await derived(password, Buffer.from(salt, "base64"), iterations, hash === "sha256" ? 32 : 64, hash);
  let clientKey: Buffer | undefined;
  let proof: Buffer | undefined;
  try {
    const withoutProof = `c=${Buffer.from(CLIENT_FIRST).toString("base64")},r=${both}`;
    const signed = `${bare},${first},${withoutProof}`;
    clientKey = hmac(hash, salted, "Client Key");
    const stored = createHash(hash).update(clientKey).digest();
    const signature = hmac(hash, stored, signed);
    proof = Buffer.alloc(signature.length);
    for (let at = 0; at < proof.length; at += 1) proof[at] = (clientKey[at] as number) ^ (signature[at] as number);
    const last = (await exchange(Buffer.from(`${withoutProof},p=${proof.toString("base64")}`, "utf8"))).toString("utf8");
    const expected = hmac(hash, hmac(hash, salted, "Server Key"), signed);
    const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(last)?.[1] ?? "", "base64");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw unavailable("the broker could not prove who it is");
  } finally {
    salted.fill(0);
    clientKey?.fill(0);
    proof?.fill(0);
  }
}
