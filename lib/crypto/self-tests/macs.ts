/**
 * Known answers of message authentication codes. Sources: Wycheproof testvectors_v1 by file and number, NIST by
 * document and sample.
 */
import { macs, vector, type KnownAnswer } from "./known-answer.ts";

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

export const aes128Cmac: KnownAnswer = {
  source: "Wycheproof aes_cmac_test.json #18",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "831e664c9e3f0c3094c0b27b9d908eb2",
      message: "26603bb76dd0a0180791c4ed4d3b058807",
      mac: "a8144c8b24f2aa47d9c160cff4ab1716",
    }),
};

export const aes192Cmac: KnownAnswer = {
  source: "Wycheproof aes_cmac_test.json #120",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "cfd3f68873d81a27d2bfce876c79f6e609074dec39e34614",
      message: "b1973cb25aa87ef9d1a8888b0a0f5c04c6",
      mac: "b95a016b83a0ae4194023333c8a7345a",
    }),
};

export const aes256Cmac: KnownAnswer = {
  source: "Wycheproof aes_cmac_test.json #222",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "73216fafd0022d0d6ee27198b2272578fa8f04dd9f44467fbb6437aa45641bf7",
      message: "d5247b8f6c3edcbfb1d591d13ece23d2f5",
      mac: "86911c7da51dc0823d6e93d4290d1ad4",
    }),
};

export const aes128Gmac: KnownAnswer = {
  source: "Wycheproof aes_gmac_test.json #6",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "f543fb6a6673e9df998a3058084dccc1",
      message: "8063719e25c0bc9a",
      mac: "d32c12b4b7845adacadabe2387e243d4",
      params: { nonce: vector("0e78b2a2250b5dd1daebcb7b") },
    }),
};

export const aes192Gmac: KnownAnswer = {
  source: "Wycheproof aes_gmac_test.json #144",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "268b5cb78437e87af75f27abc753909bdaa2341f8891d77e",
      message: "c42ab535a876942b",
      mac: "93b3ff81654ee95791c86682db37894a",
      params: { nonce: vector("ee1a14e550242a653fd4509f") },
    }),
};

export const aes256Gmac: KnownAnswer = {
  source: "Wycheproof aes_gmac_test.json #282",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "be855e5f4477a5f06e64e969cf0f7aad2399d10ac6301bd29618b530315304aa",
      message: "b35ea00e01f30438",
      mac: "badbcdfb66e68b949bcb314b367c82cf",
      params: { nonce: vector("1dc8f6cba3828cb8862ea90d") },
    }),
};

export const kmac128: KnownAnswer = {
  source: "NIST SP 800-185 KMAC samples, #2",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
      message: "00010203",
      mac: "3b1fba963cd8b0b59e8c1a6d71888b7143651af8ba0a7070c0979e2811324aa5",
      params: { customization: vector("4d7920546167676564204170706c69636174696f6e") },
    }),
};

export const kmac256: KnownAnswer = {
  source: "NIST SP 800-185 KMAC samples, #4",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f",
      message: "00010203",
      mac: "20c570c31346f703c9ac36c61c03cb64c3970d0cfc787e9b79599d273a68d2f7f69d4cc3de9d104a351689f27cf6f5951f0103f33f4f24871024d9c27773a8dd",
      params: { customization: vector("4d7920546167676564204170706c69636174696f6e") },
    }),
};

export const hmacSha3_256: KnownAnswer = {
  source: "Wycheproof hmac_sha3_256_test.json #9",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "233e4fdee70bcc20235b6977ddfc05b0df66f5635d827c66e5a63cdb16a24938",
      message: "fdb2ee4b6d1a0ac2",
      mac: "799b30418ec2619936b0260bb50264ef4c8233997418604d04f8e8d318d4ff3c",
    }),
};

export const hmacSha3_384: KnownAnswer = {
  source: "NIST example values HMAC_SHA3-384, sample #1",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f",
      message: "53616d706c65206d65737361676520666f72206b65796c656e3c626c6f636b6c656e",
      mac: "d588a3c51f3f2d906e8298c1199aa8ff6296218127f6b38a90b6afe2c5617725bc99987f79b22a557b6520db710b7f42",
    }),
};

export const hmacSha3_512: KnownAnswer = {
  source: "NIST example values HMAC_SHA3-512, sample #1",
  holds: (mechanism) =>
    macs(mechanism, {
      key: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
      message: "53616d706c65206d65737361676520666f72206b65796c656e3c626c6f636b6c656e",
      mac: "4efd629d6c71bf86162658f29943b1c308ce27cdfa6db0d9c3ce81763f9cbce5f7ebe9868031db1a8f8eb7b6b95e5c5e3f657a8996c86a2f6527e307f0213196",
    }),
};

export const blake3Mac: KnownAnswer = {
  source: "BLAKE3 test_vectors.json (77b257ee), input of 65 bytes",
  holds: (mechanism) =>
    macs(mechanism, {
      // "whats the Elvish word for friend"
      key: "77686174732074686520456c7669736820776f726420666f7220667269656e64",
      message:
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40",
      mac: "c0a4edefa2d2accb9277c371ac12fcdbb52988a86edc54f0716e1591b4326e72",
    }),
};
