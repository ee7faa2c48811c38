import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { test } from "node:test";
import { ed25519, ed448 } from "./eddsa.ts";

/** RFC 8032 §7.1, tests 1 to 3. */
const RFC8032 = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
] as const;

for (const [i, { seed, publicKey, message, signature }] of RFC8032.entries()) {
  test(`RFC 8032 §7.1 test ${i + 1}`, () => {
    const key = ed25519.importKey("raw", Buffer.from(seed, "hex"));
    assert.equal(createPublicKey(key).export({ format: "raw-public" }).toString("hex"), publicKey);
    assert.equal(ed25519.signer?.sign(key, Buffer.from(message, "hex"), {}).toString("hex"), signature);
  });
}

/** RFC 8032 §7.2, §7.3, §7.4, §7.5: contexts and the pre-hashed variants. */
const VARIANTS = [
  {
    name: "§7.2 foo (Ed25519ctx)",
    mechanism: ed25519,
    seed: "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
    publicKey: "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",
    message: "f726936d19c800494e3fdaff20b276a8",
    params: { context: Buffer.from("foo") },
    signature:
      "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b95130022907a7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
  },
  {
    name: "§7.3 TEST abc (Ed25519ph)",
    mechanism: ed25519,
    seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
    publicKey: "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    message: "616263",
    params: { scheme: "prehash" },
    signature:
      "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
  },
  {
    name: "§7.4 1 octet (with context)",
    mechanism: ed448,
    seed: "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
    publicKey: "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480",
    message: "03",
    params: { context: Buffer.from("foo") },
    signature:
      "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea000c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00",
  },
  {
    name: "§7.5 TEST abc (Ed448ph)",
    mechanism: ed448,
    seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05d6dbefde69e3ab2cec7c867c6e2c49",
    publicKey: "259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743c09428a131d6b1b57303d90d8132c276d5ed3d5d01c0f53880",
    message: "616263",
    params: { scheme: "prehash" },
    signature:
      "822f6901f7480f3d5f562c592994d9693602875614483256505600bbc281ae381f54d6bce2ea911574932f52a4e6cadd78769375ec3ffd1b801a0d9b3f4030cd433964b6457ea39476511214f97469b57dd32dbc560a9a94d00bff07620464a3ad203df7dc7ce360c3cd3696d9d9fab90f00",
  },
  {
    name: "§7.5 TEST abc (with context)",
    mechanism: ed448,
    seed: "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05d6dbefde69e3ab2cec7c867c6e2c49",
    publicKey: "259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743c09428a131d6b1b57303d90d8132c276d5ed3d5d01c0f53880",
    message: "616263",
    params: { scheme: "prehash", context: Buffer.from("foo") },
    signature:
      "c32299d46ec8ff02b54540982814dce9a05812f81962b649d528095916a2aa481065b1580423ef927ecf0af5888f90da0f6a9a85ad5dc3f280d91224ba9911a3653d00e484e2ce232521481c8658df304bb7745a73514cdb9bf3e15784ab71284f8d0704a608c54a6b62d97beb511d132100",
  },
] as const;

for (const { name, mechanism, seed, publicKey, message, params, signature } of VARIANTS) {
  test(`RFC 8032 ${name}`, async () => {
    const { signer } = mechanism;
    const key = mechanism.importKey("raw", Buffer.from(seed, "hex"));
    const publicHalf = createPublicKey(key);
    const data = Buffer.from(message, "hex");
    assert.equal(publicHalf.export({ format: "raw-public" }).toString("hex"), publicKey);
    assert.equal(signer?.sign(key, data, params).toString("hex"), signature);
    assert.equal((await signer?.signPooled(key, data, params))?.toString("hex"), signature);
    assert.equal(signer?.verify(publicHalf, data, Buffer.from(signature, "hex"), params), true);
    // No variant accepts what another made.
    for (const others of VARIANTS.map((variant) => variant.params))
      if (JSON.stringify(others) !== JSON.stringify(params))
        assert.equal(signer?.verify(publicHalf, data, Buffer.from(signature, "hex"), others), false, JSON.stringify(others));
    assert.equal(signer?.verify(publicHalf, data, Buffer.from(signature, "hex"), {}), false);
  });
}

for (const mechanism of [ed25519, ed448]) {
  test(`${mechanism.algorithm}: contexts of 255 bytes are taken, of 256 refused; another context is another signature`, async () => {
    const { signer } = mechanism;
    const key = await mechanism.generate();
    const publicKey = createPublicKey(key);
    const data = Buffer.from("data");
    for (const scheme of [undefined, "prehash"] as const) {
      const chosen = scheme === undefined ? {} : { scheme };
      const longest = Buffer.alloc(255, 1);
      const signature = signer?.sign(key, data, { ...chosen, context: longest }) as Buffer;
      assert.equal(signer?.verify(publicKey, data, signature, { ...chosen, context: longest }), true);
      assert.equal(signer?.verify(publicKey, data, signature, { ...chosen, context: longest.subarray(1) }), false);
      assert.equal(signer?.verify(publicKey, data, signature, chosen), false);
      assert.throws(() => signer?.sign(key, data, { ...chosen, context: Buffer.alloc(256) }), { code: "MECHANISM_PARAM_INVALID" });
    }
  });
}
