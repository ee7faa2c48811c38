/**
 * Wycheproof against ML-KEM: key generation from seeds, decapsulation with implicit rejection, and the encapsulation keys
 * that FIPS 203 §7.2 refuses.
 */
import { createPublicKey } from "node:crypto";
import { mechanisms } from "../../lib/crypto/mechanisms/register.ts";
import { hex, wycheproof } from "./wycheproof.ts";

const REFUSALS: readonly unknown[] = ["INVALID_REQUEST", "MECHANISM_PARAM_INVALID"];

/** The verdict of `use`; a refusal by its name is false, anything else is thrown on. */
function accepted(use: () => boolean): boolean {
  try {
    return use();
  } catch (error) {
    if (REFUSALS.includes((error as { code?: unknown }).code)) return false;
    throw error;
  }
}

const FILES = [
  ["mlkem_512_test.json", "ML-KEM-512"],
  ["mlkem_768_test.json", "ML-KEM-768"],
  ["mlkem_1024_test.json", "ML-KEM-1024"],
] as const;
for (const [file, name] of FILES) {
  const mechanism = mechanisms[name];
  wycheproof(file, 193, (item) =>
    accepted(() => {
      const key = mechanism.importKey("raw", hex(item, "seed"));
      const secret = mechanism.kem?.decapsulate(key, hex(item, "c"));
      return createPublicKey(key).export({ format: "raw-public" }).equals(hex(item, "ek")) && secret?.equals(hex(item, "K")) === true;
    }),
  );
}

wycheproof("mlkem_768_encaps_test.json", 265, (item) => {
  try {
    const key = createPublicKey({ key: hex(item, "ek"), format: "raw-public", asymmetricKeyType: "ml-kem-768" });
    return mechanisms["ML-KEM-768"].kem?.encapsulate(key).secret.byteLength === 32;
  } catch (error) {
    // The check of FIPS 203 §7.2 is made when the public key is read.
    if ((error as { code?: string }).code === "ERR_CRYPTO_OPERATION_FAILED" || (error as Error).message === "Invalid key data")
      return false;
    throw error;
  }
});
