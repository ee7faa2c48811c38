/**
 * AES with the mode named by each request: a cipher, a MAC or a key wrap, each done by the mechanism that is that mode alone.
 *
 * It is for systems that know a key by its block cipher (PKCS#11 CKK_AES, KMIP). One key in several modes is only as good
 * as the weakest: with CBC without padding and nonces of one's own it is a block cipher, from which the keys of GCM and
 * GMAC and codes of CMAC can be computed. Whoever can choose holds a key to one mode (`allowed_mechanisms`), or
 * makes one of an algorithm that names it. This file must never do anything with a key itself.
 *
 * @see NIST SP 800-38A to 38F; PKCS#11 3.2 §6.13
 */
import type { AlgorithmName } from "@keystead/contract/algorithms";
import type { CipherMode, WrapMode } from "@keystead/contract/key-modes";
import type { Cipher, CipherParams, Mechanism, WrapParams, Wrapper } from "../mechanism.ts";
import { aes128Cbc, aes192Cbc, aes256Cbc } from "./aes-cbc.ts";
import { aes128Ccm, aes192Ccm, aes256Ccm } from "./aes-ccm.ts";
import { aes128Cmac, aes192Cmac, aes256Cmac } from "./aes-cmac.ts";
import { aes128Ctr, aes192Ctr, aes256Ctr } from "./aes-ctr.ts";
import { aes128Gcm, aes192Gcm, aes256Gcm } from "./aes-gcm.ts";
import { aes128Gmac, aes192Gmac, aes256Gmac } from "./aes-gmac.ts";
import { aes128Kw, aes128Kwp, aes192Kw, aes192Kwp, aes256Kw, aes256Kwp } from "./aes-key-wrap.ts";
import { chosenMode, macerByMode } from "./by-mode.ts";
import { secretKeyMethods } from "./secret-key.ts";

interface Modes {
  readonly gcm: Mechanism;
  readonly cbc: Mechanism;
  readonly ctr: Mechanism;
  readonly ccm: Mechanism;
  readonly cmac: Mechanism;
  readonly gmac: Mechanism;
  readonly kw: Mechanism;
  readonly kwp: Mechanism;
}

function cipherOf({ gcm, cbc, ctr, ccm }: Modes): Cipher {
  const rows: Readonly<Record<CipherMode, Cipher | undefined>> = {
    gcm: gcm.cipher,
    cbc: cbc.cipher,
    cbc_no_padding: cbc.cipher,
    ctr: ctr.cipher,
    ccm: ccm.cipher,
  };
  const pick = (params: CipherParams): readonly [Cipher, CipherParams] => chosenMode(rows, "gcm", params);
  return Object.freeze<Cipher>({
    cost: "inline",
    check(params) {
      const [cipher, own] = pick(params);
      cipher.check(own);
    },
    authenticates(params) {
      const [cipher, own] = pick(params);
      return cipher.authenticates(own);
    },
    encrypt(key, plaintext, params) {
      const [cipher, own] = pick(params);
      return cipher.encrypt(key, plaintext, own);
    },
    decrypt(key, sealed, params) {
      const [cipher, own] = pick(params);
      return cipher.decrypt(key, sealed, own);
    },
    async encryptPooled(key, plaintext, params) {
      const [cipher, own] = pick(params);
      return cipher.encryptPooled(key, plaintext, own);
    },
    async decryptPooled(key, sealed, params) {
      const [cipher, own] = pick(params);
      return cipher.decryptPooled(key, sealed, own);
    },
  });
}

function wrapperOf({ gcm, kw, kwp }: Modes): Wrapper {
  const rows: Readonly<Record<WrapMode, Wrapper | undefined>> = { gcm: gcm.wrapper, kw: kw.wrapper, kwp: kwp.wrapper };
  const pick = (params: WrapParams): readonly [Wrapper, WrapParams] => chosenMode(rows, "kwp", params);
  return Object.freeze<Wrapper>({
    cost: "inline",
    check(params) {
      const [wrapper, own] = pick(params);
      wrapper.check(own);
    },
    wrap(key, material, params) {
      const [wrapper, own] = pick(params);
      return wrapper.wrap(key, material, own);
    },
    unwrap(key, wrapped, params) {
      const [wrapper, own] = pick(params);
      return wrapper.unwrap(key, wrapped, own);
    },
  });
}

const aes = (algorithm: AlgorithmName, modes: Modes): Mechanism =>
  Object.freeze<Mechanism>({
    ...secretKeyMethods(algorithm),
    cipher: cipherOf(modes),
    macer: macerByMode({ cmac: modes.cmac.macer, gmac: modes.gmac.macer }, "cmac"),
    wrapper: wrapperOf(modes),
  });

export const aes128: Mechanism = aes("AES-128", {
  gcm: aes128Gcm,
  cbc: aes128Cbc,
  ctr: aes128Ctr,
  ccm: aes128Ccm,
  cmac: aes128Cmac,
  gmac: aes128Gmac,
  kw: aes128Kw,
  kwp: aes128Kwp,
});
export const aes192: Mechanism = aes("AES-192", {
  gcm: aes192Gcm,
  cbc: aes192Cbc,
  ctr: aes192Ctr,
  ccm: aes192Ccm,
  cmac: aes192Cmac,
  gmac: aes192Gmac,
  kw: aes192Kw,
  kwp: aes192Kwp,
});
export const aes256: Mechanism = aes("AES-256", {
  gcm: aes256Gcm,
  cbc: aes256Cbc,
  ctr: aes256Ctr,
  ccm: aes256Ccm,
  cmac: aes256Cmac,
  gmac: aes256Gmac,
  kw: aes256Kw,
  kwp: aes256Kwp,
});
