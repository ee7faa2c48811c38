/**
 * AES in Counter mode. It authenticates nothing: see unauthenticated.ts.
 *
 * The first counter block is 16 random bytes, counted up over the whole block. Two messages overlap only if two random
 * blocks lie closer together than the messages are long.
 *
 * @see NIST SP 800-38A §6.5, App. B; PKCS#11 3.1 CKM_AES_CTR
 */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { Mechanism } from "../mechanism.ts";
import { secretKeyMethods } from "./secret-key.ts";
import { unauthenticatedCipher } from "./unauthenticated.ts";

/** The mode itself has no such limit; a request is shorter than this. */
const LONGEST_BYTES = 2 ** 31 - 1;

const aesCtr = (algorithm: AlgorithmName, cipher: string): Mechanism =>
  Object.freeze<Mechanism>({
    ...secretKeyMethods(algorithm),
    cipher: unauthenticatedCipher({ cipher, name: "AES-CTR", shortestBytes: 0, longestBytes: LONGEST_BYTES }),
  });

export const aes128Ctr: Mechanism = aesCtr("AES-128-CTR", "aes-128-ctr");
export const aes192Ctr: Mechanism = aesCtr("AES-192-CTR", "aes-192-ctr");
export const aes256Ctr: Mechanism = aesCtr("AES-256-CTR", "aes-256-ctr");
