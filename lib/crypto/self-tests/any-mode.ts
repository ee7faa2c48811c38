/**
 * Known answers of AES keys that are used in several modes: those of the modes that a request gets which names none.
 *
 * The other modes are the mechanisms that have answers of their own.
 */
import { aes128Cmac, aes192Cmac, aes256Cmac } from "./macs.ts";
import { aes128Kwp, aes192Kwp, aes256Kwp } from "./key-wrap.ts";
import { opens, vector, type KnownAnswer, type OpenVector } from "./known-answer.ts";

const anyMode = (source: string, asked: OpenVector, mac: KnownAnswer, wrap: KnownAnswer): KnownAnswer => ({
  source: `${source}; ${mac.source}; ${wrap.source}`,
  holds: (mechanism) => opens(mechanism, asked) && mac.holds(mechanism) === true && wrap.holds(mechanism) === true,
});

export const aes128 = anyMode(
  "Wycheproof aes_gcm_test.json #2",
  {
    format: "raw",
    key: "5b9604fe14eadba931b0ccf34843dab9",
    nonce: "921d2507fa8007b7bd067d34",
    params: { additionalData: vector("00112233445566778899aabbccddeeff") },
    plaintext: "001d0c231287c1182784554ca3a21908",
    ciphertext: "49d8b9783e911913d87094d1f63cc7651e348ba07cca2cf04c618cb4d43a5b92",
  },
  aes128Cmac,
  aes128Kwp,
);

export const aes192 = anyMode(
  "Wycheproof aes_gcm_test.json #185",
  {
    format: "raw",
    key: "969fed5068541d65418c2c1de8fe1f845e036030496e1272",
    nonce: "817fe51c31f2879141a34335",
    params: { additionalData: vector("cb") },
    plaintext: "3d8233191a2823bf767e99167b1d4af4f4848458",
    ciphertext: "0d2c3a3c0cc4b40e70ed45e188e356a0e1533b3192909a80e90540e1878ab59ef300072b",
  },
  aes192Cmac,
  aes192Kwp,
);

export const aes256 = anyMode(
  "Wycheproof aes_gcm_test.json #100",
  {
    format: "raw",
    key: "b279f57e19c8f53f2f963f5f2519fdb7c1779be2ca2b3ae8e1128b7d6c627fc4",
    nonce: "98bc2c7438d5cd7665d76f6e",
    params: { additionalData: vector("c0") },
    plaintext: "fcc515b294408c8645c9183e3f4ecee5127846d1",
    ciphertext: "eb5500e3825952866d911253f8de860c00831c81ecb660e1fb0541ec41e8d68a64141b3a",
  },
  aes256Cmac,
  aes256Kwp,
);
