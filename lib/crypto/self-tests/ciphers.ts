/**
 * Known answers of ciphers with secret keys. Sources: Wycheproof testvectors_v1 by file and number.
 */
import { opens, vector, wraps, type KnownAnswer } from "./known-answer.ts";

export const aes128Gcm: KnownAnswer = {
  source: "Wycheproof aes_gcm_test.json #2, #1",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "5b9604fe14eadba931b0ccf34843dab9",
      nonce: "921d2507fa8007b7bd067d34",
      params: { additionalData: vector("00112233445566778899aabbccddeeff") },
      plaintext: "001d0c231287c1182784554ca3a21908",
      ciphertext: "49d8b9783e911913d87094d1f63cc7651e348ba07cca2cf04c618cb4d43a5b92",
    }) &&
    wraps(mechanism, {
      key: "5b9604fe14eadba931b0ccf34843dab9",
      material: "001d0c231287c1182784554ca3a21908",
      wrapped: "028318abc1824029138141a226073cc1d851beff176384dc9896d5ff0a3ea7a5487cb5f7d70fb6c58d038554",
    }),
};

export const aes192Gcm: KnownAnswer = {
  source: "Wycheproof aes_gcm_test.json #185, #176",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "969fed5068541d65418c2c1de8fe1f845e036030496e1272",
      nonce: "817fe51c31f2879141a34335",
      params: { additionalData: vector("cb") },
      plaintext: "3d8233191a2823bf767e99167b1d4af4f4848458",
      ciphertext: "0d2c3a3c0cc4b40e70ed45e188e356a0e1533b3192909a80e90540e1878ab59ef300072b",
    }) &&
    wraps(mechanism, {
      key: "00112233445566778899aabbccddeeff1021324354657687",
      material: "0b4dbbba8982e0f649f8ba85f3aa061b",
      wrapped: "0000000000000000000000003f875c9bd7d8511448459468e398c3b2ffffffffffffffffffffffffffffffff",
    }),
};

export const aes256Gcm: KnownAnswer = {
  source: "Wycheproof aes_gcm_test.json #100, #97",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "b279f57e19c8f53f2f963f5f2519fdb7c1779be2ca2b3ae8e1128b7d6c627fc4",
      nonce: "98bc2c7438d5cd7665d76f6e",
      params: { additionalData: vector("c0") },
      plaintext: "fcc515b294408c8645c9183e3f4ecee5127846d1",
      ciphertext: "eb5500e3825952866d911253f8de860c00831c81ecb660e1fb0541ec41e8d68a64141b3a",
    }) &&
    wraps(mechanism, {
      key: "59d4eafb4de0cfc7d3db99a8f54b15d7b39f0acc8da69763b019c1699f87674a",
      material: "549b365af913f3b081131ccb6b825588",
      wrapped: "2fcb1b38a99e71b84740ad9bf58c16690122d75356907fd96b570fca28752c20153092818faba2a334640d6e",
    }),
};

export const aes128Cbc: KnownAnswer = {
  source: "Wycheproof aes_cbc_pkcs5_test.json #3",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "9bd3902ed0996c869b572272e76f3889",
      nonce: "8b2e86a9a185cfa6f51c7cc595b822bc",
      plaintext: "a7ba19d49ee1ea02f098aa8e30c740d893a4456ccc294040484ed8a00a55f93e",
      ciphertext: "514cbc69aced506926deacdeb0cc0a5a07d540f65d825b65c7db0075cf930a06e0124ae598461cab0b3251baa853e377",
      authenticated: false,
    }),
};

export const aes192Cbc: KnownAnswer = {
  source: "Wycheproof aes_cbc_pkcs5_test.json #75",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "9d11abc1fcb248a436598e695be12c3c2ed90a18ba09d62c",
      nonce: "6525667350930fb945dd1895a3abfcd1",
      plaintext: "aa5182cae2a8fb068c0b3fb2be3e57ae523d13dffd1a944587707c2b67447f3f",
      ciphertext: "bd0258909e5b72438d95ca4b29c8a79c6228fd06a3b2fa06f7659654c7b24610f23f2fb16313b7d3614cb0cd16fabb8e",
      authenticated: false,
    }),
};

export const aes256Cbc: KnownAnswer = {
  source: "Wycheproof aes_cbc_pkcs5_test.json #147",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "96e1e4896fb2cd05f133a6a100bc5609a7ac3ca6d81721e922dadd69ad07a892",
      nonce: "e70d83a77a2ce722ac214c00837acedf",
      plaintext: "91a17e4dfcc3166a1add26ff0e7c12056e8a654f28a6de24f4ba739ceb5b5b18",
      ciphertext: "a615a39ff8f59f82cf72ed13e1b01e32459700561be112412961365c7a0b58aa7a16d68c065e77ebe504999051476bd7",
      authenticated: false,
    }),
};
