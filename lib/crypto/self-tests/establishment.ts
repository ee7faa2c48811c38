/**
 * Known answers of key encapsulation, key agreement and key derivation.
 *
 * Sources: Wycheproof testvectors_v1 by file and number; RFC 5869; the vectors of
 * draft-connolly-cfrg-xwing-kem.
 */
import { hkdf } from "../kdf/hkdf.ts";
import { agrees, decapsulates, macs, same, vector, type KnownAnswer } from "./known-answer.ts";

export const mlKem512: KnownAnswer = {
  source: "Wycheproof mlkem_512_test.json #1",
  holds: (mechanism) =>
    decapsulates(mechanism, {
      key: "a3896e30892230a6c1dff667f8caee759ff84a08e3462ae484fcbca9971d7959cdc6c5ec65f10a5a24b5145aac863232ee3b2229ca3a6c4b9c8a2dafc315d9d4",
      ciphertext:
        "base64:AOx/zbYXYp/q1/Q89Zp9OguUa1xfRyQHgSwVxEJJ5Sl0SD6zH7bOXhVyhwjvJPeLthu1yLbrtOipbluJjgacSZxEpX77CQcjRZfoEPTeQNhdbqzXdbg0AJN6yGPP5dQGRpuNPKT22+Cs7WD77LMliPHdqqCLpcWxd6tRtUjYriIY6y2bArMctLtud1S2p0hWMWrT4DlAJfdQQSAjp0q4UfwDFxytqZPGRp+iVLXThO2rHv6PLvtuujfHunQ0uyQzMZOISRFK05jPkQOPuWwwpxL0fhxxg5VoONSHAW8CO9mQCpTGBu2qQr8OZ/Ku3QP1pYHlWvKeJK8GG6c9pkw4addZigyVw8gzDstEgcqyyFzKqjZvmfO6/JgDYvTXAaIz0JZ97Xjk8YdLQs2ndLiI0x8WcdZWfRY21bK8wRfiolbzQ1QcPhc+kAttbHG81VR50j3ua1Ti/jIwPHlV+l9WeJRgXtdeZeVIWCIsDQZbqSMfzYKrhq9jwkLRDR0wtBduK7gWn71/A8+gRAmIUzgggyhO+M7PBfnQvT2a+E9t9VHj0R6SgXlNNqYZ9h5HkB6g3WlXgiQSUPC1wqINdtOv78sR0BUXnWqadBIcRI4xX1B8sprdQNpOsFyuJzIMSxiiXXrySsewvfc4IUPU0C2z59AW+f9WOODfeWj3hayAAMdUWhpw1v1DzDuijYLp62zLOR4JS6haSa1un4/Y+qmVQGKl3xPGmEe+5IW8ZiS0C4Eo/pESMbTvm0oiztT4FA32WluBgGZRKCc/3gKVWmWSHw0b4Tn74e3wrAHbHSpf/ZXWPTOwp2J8q0vNN2RyOMgBl9T6iKfjTUyqBm26Kub+//ah6ASnLUntRDwpstsxP98l2Y0N7pkr78RXL4se7g23IntuIC72nqg0CuNpD8Bk0+39jQZ5NNswYXZ+SFfoBeiIKU76ckh0P8qh4BrNr0kd5AjFiGm8liTJURA8B5eTvh7fqUQt9N7OQOq7memwFBD8AQiyahPNQkzZqd5br6H8",
      secret: "cf3bcfeb2679cb43658fcdcd01aa1505bcea1e72a165ccac7bfb66d9dc0c0e90",
    }),
};

export const mlKem768: KnownAnswer = {
  source: "Wycheproof mlkem_768_test.json #1",
  holds: (mechanism) =>
    decapsulates(mechanism, {
      key: "cbfc4405d1b2a3a386c94c25e0f2d5f5ee92cb0388ff4d6aa04223086d51c3fd24752da14c9fc3b8ae0d9e4a8b1016b8d8fc69e229c03ea2ef08a4ae0cffc37f",
      ciphertext:
        "base64:AOlsROtfU4DYC0ywXWCJcaKPvoOLkStVi/lnbGxnyWku1uoGP8R7cNXWAEglwmm5y45otXKNZ/RIRNl2hqERVOPL1Kb55HUk2T2FG9zkgNd2Le0JvlPRfM4+4o3FoGkRwGK5myGDVd1YIhCMVeLGf36gt0thibM7RYnY/50Mhn0T7arxxfckZ1Mgvto+asxnPASPoEobMPiZIn1aVV4IpBKke323XrEYqIRKcbGGiAQm9rtudxhtGOdTy8zpPJ+3bHKYdbTUc+7KjauZQZafrvBN+c4xeOc0HqtBbSi7eu4Sv7j0w9+BTv9FoBhzKQeaz8Qajo26ewjREfAuN6HStp5X7vgI/MauIzhVNKQgqT37apXHPi8QFhd8T+nTztdp4ncpOqzt7W0H78eJDqqIW9HnP55dornP2g1Ey8kJBwWsLOPnvNd3W1k8cG5F3cl9OmXZt+c2c/lHPfW/7GiWcfc+f27nfHMKjr2h8LLBEqcZBNbyilHY1Hn4Mj+0heci9cTVhX6VmJqcuvJz79BPw8vemLqplp4JXoiszs+9Eu8hVUl6WxX+kacNEQa5GlaDY7/C1nNsyBOMvEHd8eVP1AUR4n2J4sJsAntjwVbiu7mY+q7T1yGG8Mxiba05p4Lc2iCH/ROpSY4QtBtoVkaiJ+oRZqVjLBlZg/SrorcYtAdAMNVxJtNMODSYkgB6y+qeOTuWfcMUaycPCAofC+6Q1loJWmNSp3GO0XF6gCWivTjGbRILr0JHZ2of4ESlfOJowHj4/0bMJv5PnHoD1kZ62suEGNJic2Yrzh97wAuQbgCI6V3A+0GeIjLoWqx3uefNVj5gTeXh0+lpPc07GYZc9CUHc2kefgr5wnVc0x9J0flnCPO6LwuYGEUlq7hp4S1c6grBdAGBqHUDUwCwWlS41C7jtK6SsG5DzYB+Kwlsl38jxh74yYnFLtg3VAdt6hMj9jklC+9hvfkDv3lhzsibppQtnQZHrJyBldk+2KvO3yV1RkQDVxmloKHIwHmJEnJqmoJY5MEK50hTIu2bozH28JDEtJKk/PU9dTzTTyjsBEP84HJPQ8iaOUIWnVCZqPdDDzhpHrzi4/5PYA2Cx8zt9gZz+OXUwan4S4tbI/XtY977anIF4KixBb3G/0Vo/HjLRFawL+239MSPb9a2khajMZghA520DhmjGgsMnUcdWnpzhl0m+L41lVJbHsSoV579B+qY4mAuK//f2P68XHtMc20ya1AwzMb6+UIKnBVqj0UWuf/2dUWd/c1O+F1629/9YPSjlijjmcx1LC6Zqy9DHcdl58nSBr/jJkn77070ix15Nvx0dm1yQ1DuIkWo1fI/vGx+2LVxaM4ehk5J1/jEddzaFAvUJHOCWzxy64xUeAGIgTAR4ZYqUD+bUW4TIm3mN1sgRzOwGSGDyPVehw5hz4lHwxkXkLwLZXvEOuvJ2Gw=",
      secret: "76c10bb1d86d96d7eb18e298363e51f7728e113f455df7d15017940ed3541451",
    }),
};

export const mlKem1024: KnownAnswer = {
  source: "Wycheproof mlkem_1024_test.json #1",
  holds: (mechanism) =>
    decapsulates(mechanism, {
      key: "8247c17686a8bc0b3afebe6bed1df1dc3ff7fa07c3670f624930235f20aecb4353ece11faa61f47d946ee501abb9a48029096de63b243a1794c4a760f98cc157",
      ciphertext:
        "base64:AB2AN29ApVXJWQg45N2VPPuaMO33do8PNbKYxp60WaQuCB95tBk5GxQ0clSEnx3erG0Dl18iyb0OeifO8YQy4dQrddOEUTDOyM0jhwBxFveyH2nRluszQKRNSz2Ssqz6QgzkZUBj0Oc5/7kjiZDBF0VO0BfTO9Y7wcLamtxSyw+i3JD290guMHL01iDWWvq46QiUPdek6R7U4SuRR2Vqj+dYq9+i1dLYEO20QJqwkzK53dzNxsq/jYljPGCaCgBa8vT6xrr3AxUQOCVTH1E/n8n20IjPKLVP9vukcl5u4pETG3eAWKRe1JvqEMGqCu0FeWo7yIoaRbxjoBs2RlIeeWi9sOq3J1im8CVBGBQBPhI/41RIT0OAohj28LaHa/SiJXZokKsZG2/9+E/BlSFTO1jMUYpfQNfihh6aUcKX46v+izZnSgZr27UjkLbiyR0KbhrmYhDz5wA0TRp1l4lFrJ73/nKnwfaTlpDNM+Ee86nvu53DKFJUrwcSF1iq2H00qFIxtj8jprgaLlvSMsATj/V0QX0rH8veRbaG7WNI2nuyzvFRKF7lL04OIUE5+BKmjfaUWXBrr4XjGgBzYjx/rsHAuZ2G00/TpxRSEMGHDzdof41MlISaIt0Qmc2Mcwlp/PjhzEwa9iP4m7Dy47bkpMN7bU18j2bfjDhMZiZOeks16JPPdCRkLbIKhErvdKEvHdJEvTMRAUhrq+5UsyZED5+bl+HxpgMUa0K4JmoFeB7Iv/9XurGGlzqbe/+mD/JGoB0sklmVDpTp3yXcowxZiQKAY23uQ/g1EN333ipfd6eIVM3nDq0JQ7rHiV7hDTY6kzSh1QLCgmcRYaI1Xx1L6Zofn2fmh7mFHK+KPbEHlAsatEgQhPipYFPGIFogfKGQQ/jSAJDvJFVXxrfBvSBl0tt/g0Os3Nn3NBSRxmWohCwZ4Z0SqzawHsaMlb/ZImqhA3DqG3HwizJveBepbFMTLXtQBPoA7PHWIEGY/HhbBUOLxofLojXlwiEdjh4fIRZk8kDDwuT0oZkJQ+yDrYAUG+zrpuMThMCqFIeDhyWTwM6eACyyr23jWEXcH81ufV2pa26M86TKsdZJCtGCA82sGnf2CMhGDSEjCshHD4QcbBf1ofr/hxwnxang6TogtcHhfY96XHQGWrGSwz0I0MYDImoBufWXbg8GYluqf5BVTugF1+4kLLVNMYN1i/lI6jECT6OqNoz8i6ffFHSkOI6E4/eWFwgKls46+Izl4bm6AoccLmpU0PwFBQKV9fmmOKY8UUKLyTXH9TnN2QpVAbiDKjvqSQZX8CbsZ0XUsw9Rjm9LK+4K+2WzTfHYGkdRrtCGW5ywH0zcZcqz7hs+mIsjwPLGPLFuMF1Me2mi66yEcdbWFBIAS7vUVQ3rv2TEn1l13x9L71MoH7rdpKX7ffpj5yYUmadMfzryAmqZfB/c3mwH+zznIKRQ+d5pcNYSFwYkXkzSMyJHxszoQIWvv3+rT38fqYYmZGYw5I4tq4yyFmHDBqIuvXJDvrf8PGz1cIikDQXCOB/vZVxCgX8buV3n0g840C/B47LWhSsqjzpN1KJiraWfSEguREaMEMBQY2jDBe5O/JPWCtrCbBMlhzlkCJB2IHfncey1fAHvu4lcZanrGixHnxrXQ0N3Mxc4ogNIQGgt465nPOR+PlQXJVajpUMGb9XjBHPDNkH/6QFEu+FdaLXoq5wGP0jts6RIA1bnp93vMsYPDt/88cX+9OtIhHZ5T0Kve2brAbGb+6WcrNFX1IUDeyw4Ot0M8v9yfBBWpGaTDkbj8IGvQppF5czf6ODzwhBHTrAVZ0TH1UhvdhkQCDtqj7oYmKUrESuWtLM4fy8+QACqCFR4GwKejAHz8J8M02HqqlaomyoFShgFJI6J3cMtyKPlMzNZVobk57B2NAB2opwcD08SMq81Un6NNfiH5/5SSZG1t02jsC3Cb3InWVwJb9QFQbhufwcFzr1MKhNMFOj57vlPpgmjBeakKfKQQE8QQ8FmY4ffS6/CMI3E6yU5wB3twj2cIBipxc3sUEdaj47jLZ0T15swTc9puUm+eHf6tHUrRbnuBGIhI9s=",
      secret: "c6338bf92f3930b95f81d87fe669fabc42aaa549e8fecfbfdbe237d739fe4d96",
    }),
};

export const x25519: KnownAnswer = {
  source: "Wycheproof x25519_test.json #1",
  holds: (mechanism) =>
    agrees(mechanism, {
      key: "c8a9d5a91091ad851c668b0736c1c9a02936c0d3ad62670858088047ba057475",
      peer: "504a36999f489cd2fdbc08baff3d88fa00569ba986cba22548ffde80f9806829",
      secret: "436a2c040cf45fea9b29a0cb81b1f41458f863d0d61b453d0a982720d6d61320",
    }),
};

export const x448: KnownAnswer = {
  source: "Wycheproof x448_test.json #1",
  holds: (mechanism) =>
    agrees(mechanism, {
      key: "e41c63d5159c89de12163fde9d04cf1f430f346b8b2c1f2a4b1f5aee63d17aec29d4b1debf8b6457e7809d2b15ff9779c97becb04b824efa",
      peer: "f8073fc01c8358362c08740c914b419847ef1e409f4e40d9440febc26f00551adb1c37c6c2a87d8283b8cb453e928a0d42793f72894e0f81",
      secret: "acd496ceb5f68bf9c267196b405f59701a40ec88744b7e5e60bf8f81e8b13df448efe402001750edb0b695a0512f08c572a2e356493d170b",
    }),
};

export const ecdhP256: KnownAnswer = {
  source: "Wycheproof ecdh_secp256r1_test.json #1",
  holds: (mechanism) =>
    agrees(mechanism, {
      key: "0612465c89a023ab17855b0a6bcebfd3febb53aef84138647b5352e02c10c346",
      peer: "base64:MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYtW9M3Kvdf6FoEBxXQ9QJCjgcEaGiwv9+mHXMa/kTyasMzqTqecKgc1albW/jROZDrdByMOIcrSgfSdaAU4wzw==",
      secret: "53020d908b0219328b658b525f26780e3ae12bcd952bb25a93bc0895e1714285",
    }),
};

export const ecdhP384: KnownAnswer = {
  source: "Wycheproof ecdh_secp384r1_test.json #1",
  holds: (mechanism) =>
    agrees(mechanism, {
      key: "766e61425b2da9f846c09fc3564b93a6f8603b7392c785165bf20da948c49fd1fb1dee4edd64356b9f21c588b75dfd81",
      peer: "base64:MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEeQpuBZ75pZQBYxg9SngJE10peRZD/EOi8X7ov2d6uE95G2SmvhWWn/oBLdkYXYeW2blUuqinXoLfcRs7Vurf9rD2aMOya0sa6zCKH8wcaA0ymmcFAl8cmKC15b/LFjyq",
      secret: "6461defb95d996b24296f5a1832b34db05ed031114fbe7d98d098f93859866e4de1e229da71fef0c77fe49b249190135",
    }),
};

export const ecdhP521: KnownAnswer = {
  source: "Wycheproof ecdh_secp521r1_test.json #1",
  holds: (mechanism) =>
    agrees(mechanism, {
      key: "01939982b529596ce77a94bc6efd03e92c21a849eb4f87b8f619d506efc9bb22e7c61640c90d598f795b64566dc6df43992ae34a1341d458574440a7371f611c7dcd",
      peer: "base64:MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAZNo+lHM9tTanSg2KXLImWjHFSh2mUpoZg3f704V12deXacor3y1MlyZCkm1ESJGmUuf0kjNyUa3xYTzzB3mZtc4A4ErRnPn9RyKwyCTAafcMPA5+vFKIlA36kkIhUq5KT3kYPO03WvtU2xQJ3fM4uFu22/xZUBYzRrtjqQpwxaugmPc=",
      secret:
        "01f1e410f2c6262bce6879a3f46dfb7dd11d30eeee9ab49852102e1892201dd10f27266c2cf7cbccc7f6885099043dad80ff57f0df96acf283fb090de53df95f7d87",
    }),
};

export const ecdhSecp256k1: KnownAnswer = {
  source: "Wycheproof ecdh_secp256k1_test.json #1",
  holds: (mechanism) =>
    agrees(mechanism, {
      key: "f4b7ff7cccc98813a69fae3df222bfe3f4e28f764bf91b4a10d8096ce446b254",
      peer: "base64:MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE2Alq+KEeC4ADfh7mgka13LsK6xzxJE/XZ9uA8/on2is5aBLqFobnRy6Wkurz6VjlDpUA07THckPbHyrNZ7qcxA==",
      secret: "544dfae22af6af939042b1d85b71a1e49e9a5614123c4d6ad0c8af65baf87d65",
    }),
};

/** A generic secret does nothing itself: what is derived from it must come out. */
const HMAC_RFC4231 = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";

export const genericSecret: KnownAnswer = {
  source: "RFC 5869 A.1; RFC 4231 §4.2",
  async holds(mechanism) {
    const key = mechanism.importKey("raw", vector("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"));
    const params = { salt: vector("000102030405060708090a0b0c"), info: vector("f0f1f2f3f4f5f6f7f8f9") };
    if (mechanism.deriver === undefined) return false;
    const mac = { key: "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", message: "4869205468657265", mac: HMAC_RFC4231 };
    if (!macs(mechanism, mac)) return false;
    const derived = await hkdf.derive(mechanism.deriver.secretOf(key), params, 42);
    return same(derived, vector("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
  },
};

export const xWing: KnownAnswer = {
  source: "draft-connolly-cfrg-xwing-kem test vector 1 (9b6ce9e)",
  holds: (mechanism) =>
    decapsulates(mechanism, {
      key: "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
      ciphertext:
        "base64:uDqoKNTWK5qDzv/h09O7HvMSZGQ8BwxXmJJ+QfsHkUonP4+W54Js1TdaKD19qIUwTF3gUWoPBlQkPcW5f4v+uDH2glEhmqvdcjvGUSBBrLrvivRCZVJJQrkC5o/9IyIc2nCxtV13apLRFD6joMR19j7miQFXxxFtrj9iv3L2Cs0ruMwxziug3jZPUrjtOMedcZcVljpd04QtjotDq3BOR1m1MnvwJ8Y8j6hXxJCNWop7iKx/K+OU2Tw3Bt3U5pjMbONwEB9NAhMlQji0ouiCG25BShzyD2wSRLaZBG9aAcqgoaVVFjALQNIEjHfMc6+6ea/uqdLAEYvfKtuIcNwyjFUWzEWxogWBQQOeLJChEKnhazGN+1O9SaEm1rc/IVeHUXuJF8wByr0QfQaFmFTui0+YYcIm03ZMhzOasWw2Z9L0k4TlVFbdQEFLcKavhBWF9MkMaHJdV3BO6O585uL5vlgtvumF4Dj/w0br+04iFYtshDdKmrSkTh+R3lqsUZf4m8XlRC9R+aWTexAro76uv24cWDgKSl/tzkpOUCb4j1KPWf/S20F1Kzo9kO+r5GOJm31AhwxTDIhB6HErczZo7QM62/r7LUnTekTUBk5YY+sK8KCNR7PMiINzvAX3ozuEG8JYfFfraVVOijdnt1BpF7a3BJhyfxbqwaNuyNjPr3UVSfInfbJ36KVamlEGsjoCBrRyH6mzBIVSxb1bWU1uJH84wYxZGup/ViSccs57EXr8w6hiFYL5z3F4fhg97gk2eXbphAmtkhekl9+IgEI4TXcHprePX3+4QJ47U1F1NzRht3YALXmcutYoYL5wVz7L4Tskbg2n6TpSFo4Ptql1a4le9/AUeg3IG/pkSwiKkigWDA+azxN5opQc0owG68gOROF6ovgXcBCv14qXzgho0WKeuylMUVGBLFg9rriGhSIPTakRgRLgcEH8wk1VZKmf294ohp/gciOH16mk0W4cyFVZF+CZRKpeuqrsLPYmk6+tQqP1GPzmfSc8xsn7VHKzgOhXPsfeBqO6L9X5MdcltJMCbLCsvT/mLQDkx5DZZdegOjwLQiK6jCqaFuKsZY9XKuDnRur8T+ugI1dvCJQieKBB+4KnClldW6y/KXziApiYpx5cOw0cYii0hbGt5QmzX7yn7Kl7ITLny2vEZTdRRrfc6slpMIrAwqyJ54Y+uJQwFbJDFMr7nHwOhf5UPVZljCE2Mlme+r/B7EndjIhUe7LMQMnTjL0wmbRUeEBWBTHQGIzR6cI6Dr7goD1Vd9ZrHSvLS6ryHMf+8eA4BsqWKZ3w37xW4bK0Pk/CDDf4NMSvYhJ+fa6Gw8JaL2lqyLWJ3scdWVv76Ute1LwH2ACzMHlv2ontt3vgKUE2E5NU64zTdZFXj5xgDdm+jsYhn91Qet8zl+1NaHB7jROyTOTNj7IoUb/p1jJAfzHtb3yxYA3lbxdXZ0DOKjL8UUUDAUXPuX5j4OQdNUJ0oHnT5vsuFQ==",
      secret: "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
    }),
};

/** Nobody has published answers for the combination: both halves' published answers, put together as the draft says. */
export const x25519MlKem768: KnownAnswer = {
  source: "Wycheproof mlkem_768_test.json #1 and x25519_test.json #1",
  holds: (mechanism) =>
    decapsulates(mechanism, {
      key: "cbfc4405d1b2a3a386c94c25e0f2d5f5ee92cb0388ff4d6aa04223086d51c3fd24752da14c9fc3b8ae0d9e4a8b1016b8d8fc69e229c03ea2ef08a4ae0cffc37fc8a9d5a91091ad851c668b0736c1c9a02936c0d3ad62670858088047ba057475",
      ciphertext:
        "base64:AOlsROtfU4DYC0ywXWCJcaKPvoOLkStVi/lnbGxnyWku1uoGP8R7cNXWAEglwmm5y45otXKNZ/RIRNl2hqERVOPL1Kb55HUk2T2FG9zkgNd2Le0JvlPRfM4+4o3FoGkRwGK5myGDVd1YIhCMVeLGf36gt0thibM7RYnY/50Mhn0T7arxxfckZ1Mgvto+asxnPASPoEobMPiZIn1aVV4IpBKke323XrEYqIRKcbGGiAQm9rtudxhtGOdTy8zpPJ+3bHKYdbTUc+7KjauZQZafrvBN+c4xeOc0HqtBbSi7eu4Sv7j0w9+BTv9FoBhzKQeaz8Qajo26ewjREfAuN6HStp5X7vgI/MauIzhVNKQgqT37apXHPi8QFhd8T+nTztdp4ncpOqzt7W0H78eJDqqIW9HnP55dornP2g1Ey8kJBwWsLOPnvNd3W1k8cG5F3cl9OmXZt+c2c/lHPfW/7GiWcfc+f27nfHMKjr2h8LLBEqcZBNbyilHY1Hn4Mj+0heci9cTVhX6VmJqcuvJz79BPw8vemLqplp4JXoiszs+9Eu8hVUl6WxX+kacNEQa5GlaDY7/C1nNsyBOMvEHd8eVP1AUR4n2J4sJsAntjwVbiu7mY+q7T1yGG8Mxiba05p4Lc2iCH/ROpSY4QtBtoVkaiJ+oRZqVjLBlZg/SrorcYtAdAMNVxJtNMODSYkgB6y+qeOTuWfcMUaycPCAofC+6Q1loJWmNSp3GO0XF6gCWivTjGbRILr0JHZ2of4ESlfOJowHj4/0bMJv5PnHoD1kZ62suEGNJic2Yrzh97wAuQbgCI6V3A+0GeIjLoWqx3uefNVj5gTeXh0+lpPc07GYZc9CUHc2kefgr5wnVc0x9J0flnCPO6LwuYGEUlq7hp4S1c6grBdAGBqHUDUwCwWlS41C7jtK6SsG5DzYB+Kwlsl38jxh74yYnFLtg3VAdt6hMj9jklC+9hvfkDv3lhzsibppQtnQZHrJyBldk+2KvO3yV1RkQDVxmloKHIwHmJEnJqmoJY5MEK50hTIu2bozH28JDEtJKk/PU9dTzTTyjsBEP84HJPQ8iaOUIWnVCZqPdDDzhpHrzi4/5PYA2Cx8zt9gZz+OXUwan4S4tbI/XtY977anIF4KixBb3G/0Vo/HjLRFawL+239MSPb9a2khajMZghA520DhmjGgsMnUcdWnpzhl0m+L41lVJbHsSoV579B+qY4mAuK//f2P68XHtMc20ya1AwzMb6+UIKnBVqj0UWuf/2dUWd/c1O+F1629/9YPSjlijjmcx1LC6Zqy9DHcdl58nSBr/jJkn77070ix15Nvx0dm1yQ1DuIkWo1fI/vGx+2LVxaM4ehk5J1/jEddzaFAvUJHOCWzxy64xUeAGIgTAR4ZYqUD+bUW4TIm3mN1sgRzOwGSGDyPVehw5hz4lHwxkXkLwLZXvEOuvJ2GxQSjaZn0ic0v28CLr/PYj6AFabqYbLoiVI/96A+YBoKQ==",
      secret:
        "76c10bb1d86d96d7eb18e298363e51f7728e113f455df7d15017940ed3541451436a2c040cf45fea9b29a0cb81b1f41458f863d0d61b453d0a982720d6d61320",
    }),
};

/** Nobody has published answers for the combination: both halves' published answers, put together as the draft says. */
export const secP256r1MlKem768: KnownAnswer = {
  source: "Wycheproof mlkem_768_test.json #1 and ecdh_secp256r1_test.json #1",
  holds: (mechanism) =>
    decapsulates(mechanism, {
      key: "303102010104200612465c89a023ab17855b0a6bcebfd3febb53aef84138647b5352e02c10c346a00a06082a8648ce3d030107cbfc4405d1b2a3a386c94c25e0f2d5f5ee92cb0388ff4d6aa04223086d51c3fd24752da14c9fc3b8ae0d9e4a8b1016b8d8fc69e229c03ea2ef08a4ae0cffc37f",
      ciphertext:
        "base64:BGLVvTNyr3X+haBAcV0PUCQo4HBGhosL/fph1zGv5E8mrDM6k6nnCoHNWpW1v40TmQ63QcjDiHK0oH0nWgFOMM8A6WxE619TgNgLTLBdYIlxoo++g4uRK1WL+WdsbGfJaS7W6gY/xHtw1dYASCXCabnLjmi1co1n9EhE2XaGoRFU48vUpvnkdSTZPYUb3OSA13Yt7Qm+U9F8zj7ijcWgaRHAYrmbIYNV3VgiEIxV4sZ/fqC3S2GJsztFidj/nQyGfRPtqvHF9yRnUyC+2j5qzGc8BI+gShsw+JkifVpVXgikEqR7fbdesRiohEpxsYaIBCb2u253GG0Y51PLzOk8n7dscph1tNRz7sqNq5lBlp+u8E35zjF45zQeq0FtKLt67hK/uPTD34FO/0WgGHMpB5rPxBqOjbp7CNER8C43odK2nlfu+Aj8xq4jOFU0pCCpPftqlcc+LxAWF3xP6dPO12nidyk6rO3tbQfvx4kOqohb0ec/nl2iuc/aDUTLyQkHBaws4+e813dbWTxwbkXdyX06Zdm35zZz+Uc99b/saJZx9z5/bud8cwqOvaHwssESpxkE1vKKUdjUefgyP7SF5yL1xNWFfpWYmpy68nPv0E/Dy96YuqmWngleiKzOz70S7yFVSXpbFf6Rpw0RBrkaVoNjv8LWc2zIE4y8Qd3x5U/UBRHifYniwmwCe2PBVuK7uZj6rtPXIYbwzGJtrTmngtzaIIf9E6lJjhC0G2hWRqIn6hFmpWMsGVmD9Kuitxi0B0Aw1XEm00w4NJiSAHrL6p45O5Z9wxRrJw8ICh8L7pDWWglaY1KncY7RcXqAJaK9OMZtEguvQkdnah/gRKV84mjAePj/Rswm/k+cegPWRnray4QY0mJzZivOH3vAC5BuAIjpXcD7QZ4iMuharHe5581WPmBN5eHT6Wk9zTsZhlz0JQdzaR5+CvnCdVzTH0nR+WcI87ovC5gYRSWruGnhLVzqCsF0AYGodQNTALBaVLjULuO0rpKwbkPNgH4rCWyXfyPGHvjJicUu2DdUB23qEyP2OSUL72G9+QO/eWHOyJumlC2dBkesnIGV2T7Yq87fJXVGRANXGaWgocjAeYkScmqagljkwQrnSFMi7ZujMfbwkMS0kqT89T11PNNPKOwEQ/zgck9DyJo5QhadUJmo90MPOGkevOLj/k9gDYLHzO32BnP45dTBqfhLi1sj9e1j3vtqcgXgqLEFvcb/RWj8eMtEVrAv7bf0xI9v1raSFqMxmCEDnbQOGaMaCwydRx1aenOGXSb4vjWVUlsexKhXnv0H6pjiYC4r/9/Y/rxce0xzbTJrUDDMxvr5QgqcFWqPRRa5//Z1RZ39zU74XXrb3/1g9KOWKOOZzHUsLpmrL0Mdx2XnydIGv+MmSfvvTvSLHXk2/HR2bXJDUO4iRajV8j+8bH7YtXFozh6GTknX+MR13NoUC9Qkc4JbPHLrjFR4AYiBMBHhlipQP5tRbhMibeY3WyBHM7AZIYPI9V6HDmHPiUfDGReQvAtle8Q668nYbA==",
      secret:
        "53020d908b0219328b658b525f26780e3ae12bcd952bb25a93bc0895e171428576c10bb1d86d96d7eb18e298363e51f7728e113f455df7d15017940ed3541451",
    }),
};

/** Nobody has published answers for the combination: both halves' published answers, put together as the draft says. */
export const secP384r1MlKem1024: KnownAnswer = {
  source: "Wycheproof mlkem_1024_test.json #1 and ecdh_secp384r1_test.json #1",
  holds: (mechanism) =>
    decapsulates(mechanism, {
      key: "303e0201010430766e61425b2da9f846c09fc3564b93a6f8603b7392c785165bf20da948c49fd1fb1dee4edd64356b9f21c588b75dfd81a00706052b810400228247c17686a8bc0b3afebe6bed1df1dc3ff7fa07c3670f624930235f20aecb4353ece11faa61f47d946ee501abb9a48029096de63b243a1794c4a760f98cc157",
      ciphertext:
        "base64:BHkKbgWe+aWUAWMYPUp4CRNdKXkWQ/xDovF+6L9nerhPeRtkpr4Vlp/6AS3ZGF2Hltm5VLqop16C33EbO1bq3/aw9mjDsmtLGuswih/MHGgNMppnBQJfHJigteW/yxY8qgAdgDdvQKVVyVkIOOTdlTz7mjDt93aPDzWymMaetFmkLggfebQZORsUNHJUhJ8d3qxtA5dfIsm9DnonzvGEMuHUK3XThFEwzsjNI4cAcRb3sh9p0ZbrM0CkTUs9krKs+kIM5GVAY9DnOf+5I4mQwRdFTtAX0zvWO8HC2prcUssPotyQ9vdILjBy9NYg1lr6uOkIlD3XpOke1OErkUdlao/nWKvfotXS2BDttECasJMyud3czcbKv42JYzxgmgoAWvL0+sa69wMVEDglUx9RP5/J9tCIzyi1T/b7pHJebuKRExt3gFikXtSb6hDBqgrtBXlqO8iKGkW8Y6AbNkZSHnlovbDqtydYpvAlQRgUAT4SP+NUSE9DgKIY9vC2h2v0oiV2aJCrGRtv/fhPwZUhUztYzFGKX0DX4oYemlHCl+Or/os2Z0oGa9u1I5C24skdCm4a5mIQ8+cANE0adZeJRaye9/5yp8H2k5aQzTPhHvOp77udwyhSVK8HEhdYqth9NKhSMbY/I6a4Gi5b0jLAE4/1dEF9Kx/L3kW2hu1jSNp7ss7xUShe5S9ODiFBOfgSpo32lFlwa6+F4xoAc2I8f67BwLmdhtNP06cUUhDBhw83aH+NTJSEmiLdEJnNjHMJafz44cxMGvYj+Juw8uO25KTDe21NfI9m34w4TGYmTnpLNeiTz3QkZC2yCoRK73ShLx3SRL0zEQFIa6vuVLMmRA+fm5fh8aYDFGtCuCZqBXgeyL//V7qxhpc6m3v/pg/yRqAdLJJZlQ6U6d8l3KMMWYkCgGNt7kP4NRDd994qX3eniFTN5w6tCUO6x4le4Q02OpM0odUCwoJnEWGiNV8dS+maH59n5oe5hRyvij2xB5QLGrRIEIT4qWBTxiBaIHyhkEP40gCQ7yRVV8a3wb0gZdLbf4NDrNzZ9zQUkcZlqIQsGeGdEqs2sB7GjJW/2SJqoQNw6htx8Isyb3gXqWxTEy17UAT6AOzx1iBBmPx4WwVDi8aHy6I15cIhHY4eHyEWZPJAw8Lk9KGZCUPsg62AFBvs66bjE4TAqhSHg4clk8DOngAssq9t41hF3B/Nbn1dqWtujPOkyrHWSQrRggPNrBp39gjIRg0hIwrIRw+EHGwX9aH6/4ccJ8Wp4Ok6ILXB4X2Pelx0BlqxksM9CNDGAyJqAbn1l24PBmJbqn+QVU7oBdfuJCy1TTGDdYv5SOoxAk+jqjaM/Iun3xR0pDiOhOP3lhcICpbOOviM5eG5ugKHHC5qVND8BQUClfX5pjimPFFCi8k1x/U5zdkKVQG4gyo76kkGV/Am7GdF1LMPUY5vSyvuCvtls03x2BpHUa7QhlucsB9M3GXKs+4bPpiLI8DyxjyxbjBdTHtpouushHHW1hQSAEu71FUN679kxJ9Zdd8fS+9TKB+63aSl+336Y+cmFJmnTH868gJqmXwf3N5sB/s85yCkUPneaXDWEhcGJF5M0jMiR8bM6ECFr79/q09/H6mGJmRmMOSOLauMshZhwwaiLr1yQ763/Dxs9XCIpA0Fwjgf72VcQoF/G7ld59IPONAvweOy1oUrKo86TdSiYq2ln0hILkRGjBDAUGNowwXuTvyT1grawmwTJYc5ZAiQdiB353HstXwB77uJXGWp6xosR58a10NDdzMXOKIDSEBoLeOuZzzkfj5UFyVWo6VDBm/V4wRzwzZB/+kBRLvhXWi16KucBj9I7bOkSANW56fd7zLGDw7f/PHF/vTrSIR2eU9Cr3tm6wGxm/ulnKzRV9SFA3ssODrdDPL/cnwQVqRmkw5G4/CBr0KaReXM3+jg88IQR06wFWdEx9VIb3YZEAg7ao+6GJilKxErlrSzOH8vPkAAqghUeBsCnowB8/CfDNNh6qpWqJsqBUoYBSSOid3DLcij5TMzWVaG5OewdjQAdqKcHA9PEjKvNVJ+jTX4h+f+UkmRtbdNo7Atwm9yJ1lcCW/UBUG4bn8HBc69TCoTTBTo+e75T6YJowXmpCnykEBPEEPBZmOH30uvwjCNxOslOcAd7cI9nCAYqcXN7FBHWo+O4y2dE9ebME3PablJvnh3+rR1K0W57gRiISPb",
      secret:
        "6461defb95d996b24296f5a1832b34db05ed031114fbe7d98d098f93859866e4de1e229da71fef0c77fe49b249190135c6338bf92f3930b95f81d87fe669fabc42aaa549e8fecfbfdbe237d739fe4d96",
    }),
};

/** Nobody has published answers for the combination: both halves' published answers, put together as the draft says. */
export const secP256r1MlKem512: KnownAnswer = {
  source: "Wycheproof mlkem_512_test.json #1 and ecdh_secp256r1_test.json #1",
  holds: (mechanism) =>
    decapsulates(mechanism, {
      key: "303102010104200612465c89a023ab17855b0a6bcebfd3febb53aef84138647b5352e02c10c346a00a06082a8648ce3d030107a3896e30892230a6c1dff667f8caee759ff84a08e3462ae484fcbca9971d7959cdc6c5ec65f10a5a24b5145aac863232ee3b2229ca3a6c4b9c8a2dafc315d9d4",
      ciphertext:
        "base64:BGLVvTNyr3X+haBAcV0PUCQo4HBGhosL/fph1zGv5E8mrDM6k6nnCoHNWpW1v40TmQ63QcjDiHK0oH0nWgFOMM8A7H/Nthdin+rX9Dz1mn06C5RrXF9HJAeBLBXEQknlKXRIPrMfts5eFXKHCO8k94u2G7XItuu06KluW4mOBpxJnESlfvsJByNFl+gQ9N5A2F1urNd1uDQAk3rIY8/l1AZGm408pPbb4KztYPvssyWI8d2qoIulxbF3q1G1SNiuIhjrLZsCsxy0u253VLanSFYxatPgOUAl91BBICOnSrhR/AMXHK2pk8ZGn6JUtdOE7ase/o8u+266N8e6dDS7JDMxk4hJEUrTmM+RA4+5bDCnEvR+HHGDlWg41IcBbwI72ZAKlMYG7apCvw5n8q7dA/WlgeVa8p4krwYbpz2mTDhp11mKDJXDyDMOy0SByrLIXMqqNm+Z87r8mANi9NcBojPQln3teOTxh0tCzad0uIjTHxZx1lZ9FjbVsrzBF+KiVvNDVBw+Fz6QC21scbzVVHnSPe5rVOL+MjA8eVX6X1Z4lGBe115l5UhYIiwNBlupIx/NgquGr2PCQtENHTC0F24ruBafvX8Dz6BECYhTOCCDKE74zs8F+dC9PZr4T231UePRHpKBeU02phn2HkeQHqDdaVeCJBJQ8LXCog1206/vyxHQFRedapp0EhxEjjFfUHyymt1A2k6wXK4nMgxLGKJdevJKx7C99zghQ9TQLbPn0Bb5/1Y44N95aPeFrIAAx1RaGnDW/UPMO6KNgunrbMs5HglLqFpJrW6fj9j6qZVAYqXfE8aYR77khbxmJLQLgSj+kRIxtO+bSiLO1PgUDfZaW4GAZlEoJz/eApVaZZIfDRvhOfvh7fCsAdsdKl/9ldY9M7CnYnyrS803ZHI4yAGX1PqIp+NNTKoGbboq5v7/9qHoBKctSe1EPCmy2zE/3yXZjQ3umSvvxFcvix7uDbcie24gLvaeqDQK42kPwGTT7f2NBnk02zBhdn5IV+gF6IgpTvpySHQ/yqHgGs2vSR3kCMWIabyWJMlREDwHl5O+Ht+pRC303s5A6ruZ6bAUEPwBCLJqE81CTNmp3luvofw=",
      secret:
        "53020d908b0219328b658b525f26780e3ae12bcd952bb25a93bc0895e1714285cf3bcfeb2679cb43658fcdcd01aa1505bcea1e72a165ccac7bfb66d9dc0c0e90",
    }),
};
