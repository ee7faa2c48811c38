/**
 * Derivations from passwords: slow, or hungry for memory, on purpose.
 *
 * Floors are OWASP's, so that a derived key is worth the trouble; ceilings keep one caller from taking the machine.
 * OpenSSL takes Argon2's memory from the secure heap (128 MiB), which holds one such derivation at a time and nothing
 * above 64 MiB. This file must never run one on the event loop.
 *
 * @see OWASP Password Storage Cheat Sheet; RFC 8018 §5.2; RFC 7914 §2; RFC 9106 §4; SP 800-132
 */
import { argon2, pbkdf2, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { HsmError } from "@keystead/contract/errors";
import { opensslDigest } from "../digest.ts";
import { paramInvalid } from "../mechanisms/refusals.ts";
import { ownedSecret } from "../mechanisms/openssl-kem.ts";
import { checkSalt, NOTHING, refuseUnread, type Kdf, type KdfParams } from "./kdf.ts";

const pbkdf2Async = promisify(pbkdf2);
const argon2Async = promisify(argon2);
const MIB = 1024 * 1024;

const PBKDF2_FLOORS: Readonly<Record<string, number>> = { "SHA-256": 600_000, "SHA-384": 210_000, "SHA-512": 210_000 };
const PBKDF2_CEILING = 5_000_000;

export const pbkdf2Kdf: Kdf = Object.freeze<Kdf>({
  cost: "pool",
  check(params) {
    refuseUnread("pbkdf2", params);
    checkSalt("pbkdf2", params);
    const { digest = "SHA-256", iterations = 600_000 } = params;
    const floor = PBKDF2_FLOORS[digest];
    if (floor === undefined) throw paramInvalid("PBKDF2 is made with SHA-256, SHA-384 or SHA-512");
    if (iterations < floor || iterations > PBKDF2_CEILING)
      throw paramInvalid(`PBKDF2 with ${digest} takes ${floor} to ${PBKDF2_CEILING} iterations`);
  },
  derive: async (secret, { digest = "SHA-256", iterations = 600_000, salt = NOTHING }, sizeBytes) =>
    ownedSecret(await pbkdf2Async(secret, salt, iterations, sizeBytes, opensslDigest(digest))),
});

/** RFC 7914 §2; the defaults are OWASP's first choice. */
function scryptParams({ cost = 2 ** 17, blockSize = 8, parallelism = 1 }: KdfParams): { N: number; r: number; p: number } {
  return { N: cost, r: blockSize, p: parallelism };
}
/** N·r·p of OWASP's cheapest equivalent (N = 2^13 to 2^17, r = 8, p = 10 to 1), and four times the dearest. */
const SCRYPT_WORK_FLOOR = 2 ** 17 * 5;
const SCRYPT_WORK_CEILING = 2 ** 22;
const SCRYPT_MEMORY_CEILING = 256 * MIB;
const scryptMemory = (N: number, r: number, p: number): number => 128 * r * (N + p + 2);

export const scryptKdf: Kdf = Object.freeze<Kdf>({
  cost: "memory",
  check(params) {
    refuseUnread("scrypt", params);
    checkSalt("scrypt", params);
    const { N, r, p } = scryptParams(params);
    if (!Number.isInteger(Math.log2(N)) || N < 2 ** 13 || r < 8 || r > 32 || p < 1 || p > 16)
      throw paramInvalid("scrypt takes a cost that is a power of two from 8192, a block size of 8 to 32, a parallelism of 1 to 16");
    if (N * r * p < SCRYPT_WORK_FLOOR) throw paramInvalid(`scrypt must do more: cost x block size x parallelism from ${SCRYPT_WORK_FLOOR}`);
    if (N * r * p > SCRYPT_WORK_CEILING || scryptMemory(N, r, p) > SCRYPT_MEMORY_CEILING + MIB)
      throw paramInvalid(`scrypt may take 256 MiB, and cost x block size x parallelism to ${SCRYPT_WORK_CEILING}`);
  },
  derive: (secret, params, sizeBytes) => {
    const { N, r, p } = scryptParams(params);
    const options = { N, r, p, maxmem: scryptMemory(N, r, p) + MIB };
    return new Promise<Buffer>((resolve, reject) => {
      scrypt(secret, params.salt ?? NOTHING, sizeBytes, options, (error, derived) =>
        error ? reject(error) : resolve(ownedSecret(derived)),
      );
    });
  },
});

const ARGON2_MEMORY_CEILING_KIB = 64 * 1024;

export const argon2id: Kdf = Object.freeze<Kdf>({
  cost: "memory",
  check(params) {
    refuseUnread("argon2id", params);
    checkSalt("argon2id", params);
    const { iterations = 2, memoryKib = 47_104, parallelism = 1 } = params;
    if (parallelism < 1 || parallelism > 4) throw paramInvalid("Argon2id takes 1 to 4 lanes");
    if (memoryKib > ARGON2_MEMORY_CEILING_KIB || iterations > 10) throw paramInvalid("Argon2id may take 65536 KiB and 10 passes");
    if (iterations < 1 || memoryKib < (iterations === 1 ? 47_104 : 19_456))
      throw paramInvalid("Argon2id must do more: from 19456 KiB with 2 passes, or 47104 KiB with 1");
  },
  async derive(secret, { iterations = 2, memoryKib = 47_104, parallelism = 1, salt = NOTHING }, sizeBytes) {
    const asked = { message: secret, nonce: salt, parallelism, tagLength: sizeBytes, memory: memoryKib, passes: iterations };
    try {
      return ownedSecret(await argon2Async("argon2id", asked));
    } catch (cause) {
      // The parameters were checked: what is missing is room beside the private keys in the secure heap.
      throw new HsmError("PROVIDER_UNAVAILABLE", "there is no memory for this derivation now", { cause, retryAfterSeconds: 5 });
    }
  },
});
