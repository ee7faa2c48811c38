/**
 * Known answers of message authentication codes. Sources: Wycheproof testvectors_v1 by file and number.
 */
import { macs, type KnownAnswer } from "./known-answer.ts";

export const hmacSha256: KnownAnswer = {
  source: "Wycheproof hmac_sha256_test.json #9",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "233e4fdee70bcc20235b6977ddfc05b0df66f5635d827c66e5a63cdb16a24938",
      message: "fdb2ee4b6d1a0ac2",
      mac: "120b26ee1355c134c262513c7922deb6c4fd90303de4cd61b9f9cd08f22d6e18",
    }),
};

export const hmacSha384: KnownAnswer = {
  source: "Wycheproof hmac_sha384_test.json #9",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "44b79852cabcf3fe93d2fff55d2afe6a46c35b7ad1954ce0888de7b459b982722faf8b490e6b00e7bcabbd36f18443f5",
      message: "9398cd251deafe8b",
      mac: "56128fb438a93f6f48f47c0f4c7549f8008a8e69bbdbf0886ec40f86e7870034ef9090d2b04057391f1def5b25e8f0ad",
    }),
};

export const hmacSha512: KnownAnswer = {
  source: "Wycheproof hmac_sha512_test.json #9",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "dd4e05933d09711ee88cb4c1ceb3600b2b33808bc08d499387b331d9c7af49bc65b55172cf8083385a940e4b864b7b4b73ddf3bd513a6cbcac73878a879b4d06",
      message: "66948029351432c3",
      mac: "9968a16eff2b4eeecb2f9d11fcb105e8d8ca59ed4e69131c9de599cd8155fa4f33def1195a6b452263aad9265e16d4951841d7cd33c74c475da04497c02922ea",
    }),
};
