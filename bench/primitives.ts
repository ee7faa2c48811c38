/**
 * The primitives in this process, on one thread: the limit everything else is held against.
 */
import { createCipheriv, createSecretKey, generateKeyPairSync, hash, randomFillSync, constants, sign, verify } from "node:crypto";
import { limitNow, median, rate } from "./machine.ts";

export interface Primitive {
  readonly name: string;
  /** Operations per second, median of the rounds. */
  readonly perSecond: number;
}

/** Measures every primitive in `rounds` rounds of `milliseconds` each. */
export function measurePrimitives(rounds: number, milliseconds: number): Primitive[] {
  const message = Buffer.alloc(100, 7);
  const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ed = generateKeyPairSync("ed25519");
  const signature = sign(null, message, ed.privateKey);
  const aes = createSecretKey(randomFillSync(Buffer.alloc(32)));
  const small = Buffer.alloc(1024, 1);
  const large = Buffer.alloc(64 * 1024, 1);
  const seal = (plaintext: Buffer): void => {
    const cipher = createCipheriv("aes-256-gcm", aes, randomFillSync(Buffer.allocUnsafe(12)));
    cipher.update(plaintext);
    cipher.final();
    cipher.getAuthTag();
  };
  const rows: readonly (readonly [string, (milliseconds: number) => number])[] = [
    ["Ed25519 sign 100 B", limitNow],
    ["Ed25519 verify 100 B", (ms) => rate(() => verify(null, message, ed.publicKey, signature), ms)],
    ["P-256 sign 100 B", (ms) => rate(() => sign("sha256", message, p256.privateKey), ms)],
    [
      "RSA-2048 PSS sign 100 B",
      (ms) => rate(() => sign("sha256", message, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }), ms),
    ],
    ["AES-256-GCM encrypt 1 KiB", (ms) => rate(() => seal(small), ms)],
    ["AES-256-GCM encrypt 64 KiB", (ms) => rate(() => seal(large), ms)],
    ["SHA-256 1 KiB", (ms) => rate(() => hash("sha256", small, "hex"), ms)],
  ];
  for (const [, run] of rows) run(milliseconds / 2);
  return rows.map(([name, run]) => ({ name, perSecond: median(Array.from({ length: rounds }, () => run(milliseconds))) }));
}
