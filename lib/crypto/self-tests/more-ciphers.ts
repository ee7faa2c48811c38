/**
 * Known answers of CCM, GCM-SIV, ChaCha20-Poly1305, CTR and XTS. Sources: Wycheproof testvectors_v1 by file and number
 * (where its own source is an RFC or a draft, that too), SP 800-38A by section.
 */
import { opens, vector, type KnownAnswer } from "./known-answer.ts";

export const aes128Ccm: KnownAnswer = {
  source: "Wycheproof aes_ccm_test.json #12",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "9415f925bcb41dc25e86c826dbc8bf68",
      nonce: "bdffaa763b916ff0ee3f3ce4",
      params: { additionalData: vector("705d676cd8a94451") },
      plaintext: "feb36167eafc02c8e2bd6e13817686ba",
      ciphertext: "08db327a88be7b48f430fd7bfccdf502b7c249f810adacf99abded1f3b9130f2",
    }),
};

export const aes192Ccm: KnownAnswer = {
  source: "Wycheproof aes_ccm_test.json #90",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "400eec9b06a80a8403d45dae5d58cc917bc854f51cd3ce0d",
      nonce: "447dd09a23708f3b6664e15b",
      params: { additionalData: vector("7320367d5b070559") },
      plaintext: "b784925a695f0ed14ca40249c1fd5d1a",
      ciphertext: "912d05c402383950e1c5a5188e6241d8ab309be2c05c941fbfb338ba064b19a1",
    }),
};

export const aes256Ccm: KnownAnswer = {
  source: "Wycheproof aes_ccm_test.json #168",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "b907a45075513fe8a8019edee3f2591487b2a030b03c6e1d771c862571d2ea1e",
      nonce: "118a6964c2d3e380071f5266",
      params: { additionalData: vector("034585621af8d7ff") },
      plaintext: "55a465644f5b650928cbee7c063214d6",
      ciphertext: "ab01f92db4f210bdb5edaf0a1bd19eba621630c505d24e3b29294977d8ffa4b4",
    }),
};

export const aes128GcmSiv: KnownAnswer = {
  source: "Wycheproof aes_gcm_siv_test.json #8 (RFC 8452 App. C)",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "01000000000000000000000000000000",
      nonce: "030000000000000000000000",
      params: { additionalData: vector("01") },
      plaintext: "0200000000000000",
      ciphertext: "1e6daba35669f4273b0a1a2560969cdf790d99759abd1508",
    }),
};

export const aes256GcmSiv: KnownAnswer = {
  source: "Wycheproof aes_gcm_siv_test.json #107 (RFC 8452 App. C)",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "0100000000000000000000000000000000000000000000000000000000000000",
      nonce: "030000000000000000000000",
      params: { additionalData: vector("01") },
      plaintext: "0200000000000000",
      ciphertext: "1de22967237a813291213f267e3b452f02d01ae33e4ec854",
    }),
};

export const chacha20Poly1305: KnownAnswer = {
  source: "Wycheproof chacha20_poly1305_test.json #1 (RFC 8439 §2.8.2)",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
      nonce: "070000004041424344454647",
      params: { additionalData: vector("50515253c0c1c2c3c4c5c6c7") },
      plaintext:
        "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
      ciphertext:
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
    }),
};

export const xChacha20Poly1305: KnownAnswer = {
  source: "Wycheproof xchacha20_poly1305_test.json #1 (draft-irtf-cfrg-xchacha App. A.3)",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
      nonce: "404142434445464748494a4b4c4d4e4f5051525354555657",
      params: { additionalData: vector("50515253c0c1c2c3c4c5c6c7") },
      plaintext:
        "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
      ciphertext:
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
    }),
};

export const aes128Ctr: KnownAnswer = {
  source: "SP 800-38A F.5.1",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "2b7e151628aed2a6abf7158809cf4f3c",
      nonce: "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
      plaintext:
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
      ciphertext:
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
      authenticated: false,
    }),
};

export const aes192Ctr: KnownAnswer = {
  source: "SP 800-38A F.5.3",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
      nonce: "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
      plaintext:
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
      ciphertext:
        "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e941e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
      authenticated: false,
    }),
};

export const aes256Ctr: KnownAnswer = {
  source: "SP 800-38A F.5.5",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
      nonce: "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
      plaintext:
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
      ciphertext:
        "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
      authenticated: false,
    }),
};

export const aes128Xts: KnownAnswer = {
  source: "Wycheproof aes_xts_test.json #2",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "f1cebabf4d12b48ae3d9a2d505957d80f3c9b93bda4a1620ab88bf1eaa3b68ad",
      nonce: "446ac748982d2c4a0000000000000000",
      plaintext: "6243adf9588fbc8ed0e16033121abb1332",
      ciphertext: "2476f858a49eb8077a054472d0e26e0670",
      authenticated: false,
    }),
};

export const aes256Xts: KnownAnswer = {
  source: "Wycheproof aes_xts_test.json #54",
  holds: (mechanism) =>
    opens(mechanism, {
      format: "raw",
      key: "2f247ad2e9fd78c55085890ddc1fde397d12663c9afc4efbe227b2d52728068564ce42c96c30967360c9986d63ce82839c3e81d1839b800e8db5aa61980eb3ff",
      nonce: "c09e5c393303a1690000000000000000",
      plaintext: "a431693fb645d0fadd64d5ac98037a1b36",
      ciphertext: "021fbfeb5d7bcec215aae0f32cbe44e9c3",
      authenticated: false,
    }),
};
