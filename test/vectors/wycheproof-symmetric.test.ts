/**
 * Wycheproof against AES-GCM, AES-CBC and HMAC.
 *
 * Encryption draws its own nonce, so it cannot be compared with a given ciphertext; it goes through the same function
 * as the vectors (`sealWithNonce`), which is compared here in both directions.
 */
import { createSecretKey } from "node:crypto";
import { openWithNonce, sealWithNonce } from "../../lib/crypto/mechanisms/gcm-nonce.ts";
import { mechanismFor, mechanisms } from "../../lib/crypto/mechanisms/register.ts";
import type { Mechanism } from "../../lib/crypto/mechanism.ts";
import { decryptsTo, hex, wycheproof } from "./wycheproof.ts";

const GCM = { 128: "AES-128-GCM", 192: "AES-192-GCM", 256: "AES-256-GCM" } as const;
const CBC = { 128: "AES-128-CBC", 192: "AES-192-CBC", 256: "AES-256-CBC" } as const;

/** Nonces of 8 to 64 bytes and tags of 16 are the only ones there are here. */
const ours = (group: { readonly [member: string]: unknown }): boolean =>
  (group["ivSize"] as number) >= 64 && (group["ivSize"] as number) <= 512 && group["tagSize"] === 128;

wycheproof(
  "aes_gcm_test.json",
  280,
  (item, group) => {
    const { cipher } = mechanisms[GCM[group["keySize"] as keyof typeof GCM]];
    if (cipher === undefined) throw new Error("no cipher");
    const sealed = { ciphertext: Buffer.concat([hex(item, "ct"), hex(item, "tag")]), nonce: hex(item, "iv") };
    return decryptsTo(
      () => cipher.decrypt(createSecretKey(hex(item, "key")), sealed, { additionalData: hex(item, "aad") }),
      hex(item, "msg"),
    );
  },
  { applies: ours },
);

wycheproof(
  "aes_gcm_test.json",
  199,
  (item, group) => {
    const name = `aes-${group["keySize"] as 128 | 192 | 256}-gcm` as const;
    const [key, nonce, aad, msg] = [createSecretKey(hex(item, "key")), hex(item, "iv"), hex(item, "aad"), hex(item, "msg")];
    const sealed = sealWithNonce(name, key, nonce, msg, aad);
    return sealed.equals(Buffer.concat([hex(item, "ct"), hex(item, "tag")])) && openWithNonce(name, key, nonce, sealed, aad).equals(msg);
  },
  { applies: (group, item) => ours(group) && item.result === "valid" },
);

wycheproof(
  "aes_gcm_test.json",
  30,
  (item, group) => {
    const { cipher } = mechanisms[GCM[group["keySize"] as keyof typeof GCM]];
    if (cipher === undefined) throw new Error("no cipher");
    const sealed = { ciphertext: Buffer.concat([hex(item, "ct"), hex(item, "tag")]), nonce: hex(item, "iv") };
    // Other nonce sizes are sound AES-GCM that we do not speak: every one is refused.
    return !decryptsTo(
      () => cipher.decrypt(createSecretKey(hex(item, "key")), sealed, { additionalData: hex(item, "aad") }),
      hex(item, "msg"),
    );
  },
  { applies: (group, item) => !ours(group) && item.result === "valid" },
);

wycheproof("aes_cbc_pkcs5_test.json", 216, (item, group) => {
  const { cipher } = mechanismFor(CBC[group["keySize"] as keyof typeof CBC]);
  if (cipher === undefined) throw new Error("no cipher");
  return decryptsTo(
    () => cipher.decrypt(createSecretKey(hex(item, "key")), { ciphertext: hex(item, "ct"), nonce: hex(item, "iv") }, {}),
    hex(item, "msg"),
  );
});

const MACS: readonly [string, Mechanism, number][] = [
  ["hmac_sha256_test.json", mechanisms["HMAC-SHA-256"], 256],
  ["hmac_sha384_test.json", mechanisms["HMAC-SHA-384"], 384],
  ["hmac_sha512_test.json", mechanisms["HMAC-SHA-512"], 512],
];
for (const [file, { macer }, fullBits] of MACS) {
  if (macer === undefined) throw new Error("no macer");
  wycheproof(file, 174, (item, group) => {
    const [key, msg, tag] = [createSecretKey(hex(item, "key")), hex(item, "msg"), hex(item, "tag")];
    // Truncated tags are sound HMAC that we do not accept: the verdict must be false, and our own tag begins with theirs.
    if (group["tagSize"] !== fullBits)
      return !macer.verify(key, msg, tag, {}) && macer.mac(key, msg, {}).mac.subarray(0, tag.byteLength).equals(tag);
    return macer.verify(key, msg, tag, {});
  });
}
