/**
 * Known answers of AES key wrap. Sources: Wycheproof testvectors_v1 by file and number.
 */
import { wraps, type KnownAnswer } from "./known-answer.ts";

export const aes128Kw: KnownAnswer = {
  source: "Wycheproof aes_wrap_test.json #1",
  holds: (mechanism) =>
    wraps(mechanism, {
      key: "6f67486d1e914419cb43c28509c7c1ea",
      material: "8dc0632d92ee0be4f740028410b08270",
      wrapped: "9de453ced5d4ab46a5601708eeefefb5e593e6ae8e86b26b",
      deterministic: true,
    }),
};

export const aes192Kw: KnownAnswer = {
  source: "Wycheproof aes_wrap_test.json #43",
  holds: (mechanism) =>
    wraps(mechanism, {
      key: "f75a2f49a630c7dc91626b00ce029f0bd2981d7c74a93ebe",
      material: "9adbc00c710b1101bdf6a4ed65b32d72",
      wrapped: "00be1caddfd5ad7697877017795f9cee4bce5a61687a6126",
      deterministic: true,
    }),
};

export const aes256Kw: KnownAnswer = {
  source: "Wycheproof aes_wrap_test.json #98",
  holds: (mechanism) =>
    wraps(mechanism, {
      key: "fce0429c610658ef8e7cfb0154c51de2239a8a317f5af5b6714f985fb5c4d75c",
      material: "287326b5ed0078e7ca0164d748f667e7",
      wrapped: "940b1c580e0c7233a791b0f192438d2eace14214cee455b7",
      deterministic: true,
    }),
};

export const aes128Kwp: KnownAnswer = {
  source: "Wycheproof aes_kwp_test.json #19",
  holds: (mechanism) =>
    wraps(mechanism, {
      key: "1abf4b7fa2bb62a78f09ddab04625dca",
      material: "8571f282b18b64ec5e",
      wrapped: "6787816804b3127d0ca4073f1dba5c4d3db1ec9c227e6556",
      deterministic: true,
    }),
};

export const aes192Kwp: KnownAnswer = {
  source: "Wycheproof aes_kwp_test.json #94",
  holds: (mechanism) =>
    wraps(mechanism, {
      key: "1abf4b7fa2bb62a78f09ddab04625dcacdd9e551d1a69b6b",
      material: "2c52d6639e769960e8",
      wrapped: "d56f89977b8eff511158edad6b993007189e5a4b8c0e2faf",
      deterministic: true,
    }),
};

export const aes256Kwp: KnownAnswer = {
  source: "Wycheproof aes_kwp_test.json #179",
  holds: (mechanism) =>
    wraps(mechanism, {
      key: "1abf4b7fa2bb62a78f09ddab04625dcacdd9e551d1a69b6b162baa53d2700093",
      material: "1723eb9d000916996a",
      wrapped: "db7e73da22219e1baac0f4e955c3db2b900b5d3078f94b59",
      deterministic: true,
    }),
};
