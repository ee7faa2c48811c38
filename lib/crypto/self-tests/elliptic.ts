/**
 * Known answers of signatures on elliptic curves.
 *
 * Sources: RFC 8032 §7.1; Wycheproof testvectors_v1 by file and number.
 */
import { signs, vector, verifies, type KnownAnswer } from "./known-answer.ts";

/** RFC 8032 §7.1 TEST 2. */
export const ed25519: KnownAnswer = {
  source: "RFC 8032 §7.1 TEST 2",
  holds: (mechanism) =>
    signs(mechanism, {
      format: "raw",
      key: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      message: "72",
      signature:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    }),
};

/** RFC 8032 §7.4 1 octet (with context). */
export const ed448: KnownAnswer = {
  source: "RFC 8032 §7.4 1 octet (with context)",
  holds: (mechanism) =>
    signs(mechanism, {
      format: "raw",
      key: "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e",
      message: "03",
      params: { context: vector("666f6f") },
      signature:
        "d4f8f6131770dd46f40867d6fd5d5055de43541f8c5e35abbcd001b32a89f7d2151f7647f11d8ca2ae279fb842d607217fce6e042f6815ea000c85741de5c8da1144a6a1aba7f96de42505d7a7298524fda538fccbbb754f578c1cad10d54d0d5428407e85dcbc98a49155c13764e66c3c00",
    }),
};

export const ecdsaP256: KnownAnswer = {
  source: "Wycheproof ecdsa_secp256r1_sha256_test.json #2",
  holds: (mechanism) =>
    verifies(mechanism, {
      spki: "base64:MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEBKrsc2NXJvIT+4qeZNo7hjLkFJWpRNAEW1IuunJA+tWH2TFXmKqjpboBd1eHztBeqve04J/IHW0apUboNl1SXQ==",
      message: "4d7367",
      signature: "base64:MEUCIFML1rDJry1puol/a1+1lpXPvzOv5m263PW40qKmU44jAiEA2F5InLehYf1V7e3O2/TMDAmH4+Pw8kLK6TTHLKo/Q+k=",
    }),
};

export const ecdsaP384: KnownAnswer = {
  source: "Wycheproof ecdsa_secp384r1_sha384_test.json #2",
  holds: (mechanism) =>
    verifies(mechanism, {
      spki: "base64:MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEKb23bV+nQb/XAjPLOmbMfUS+s7BmPZKoE2ZQR4vO+2HvGC4VWlQ0Wl6OXojwZOW8mlJat/dk2tPa4UaMK0GfO2K5upF9XoxPsexHQEo/x2R0snEwgb6dtMAOBDran8Sj",
      message: "4d7367",
      signature:
        "base64:MGYCMQDXFDqDZgiyVZmn8o3sZjVJTCmSrR4rvuy372AanAF0bnEM4NnEisyzinnt5bljjzQCMQCA+eFl6MYQNb+Kp7VTOWDkbdDiEckEoGTttt5B95fA6uTjJ2Eu4/gW9BVycrtPq8k=",
    }),
};

export const ecdsaP521: KnownAnswer = {
  source: "Wycheproof ecdsa_secp521r1_sha512_test.json #2",
  holds: (mechanism) =>
    verifies(mechanism, {
      spki: "base64:MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQBKpCL/Ftw4XvfrnQpSZSAi/KkLatZr4sFI6Am1kCio9bTRFILYhd+LPoznKQvsIg+xCWQT72igzo7WwqaAIETZdgBIzPVMvj46xpiPDeKNpRlEZK72oM+O417j5Cyv8mwRfilXhtqX+FRLEAMS8nIb9fGmdZC9c7pu4J8iwq8DaAc7x4=",
      message: "4d7367",
      signature:
        "base64:MIGGAkFa3IM8vB1hQc7UV7qysBsIFAVNeij6i7KSXR51JbfPfVyTiher+zNCbcwFzo1E2wL1OnXqBAF9ylHh+7FM4zEbFAJBX2mypt4SkUeoQ3t5xyMV01Fz2IwtYRkIXJDa6OwFxV4Gfn36T2gQNePcyrCZKRwOz0QoMyqcsHNtFueREax212Y=",
    }),
};

export const ecdsaSecp256k1: KnownAnswer = {
  source: "Wycheproof ecdsa_secp256k1_sha256_bitcoin_test.json #2",
  holds: (mechanism) =>
    verifies(mechanism, {
      spki: "base64:MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEuDj/ROW8F3vyEYnQdmCC/J2EMiaIf8l2A3EQC37iCm/wyddb+6ezGmvKGXRJbutW3jVwcZVdg8Sxutqgshgy6Q==",
      message: "313233343030",
      signature: "base64:MEUCIQCBPveczvqaVve6gF8OR4WE/l8N1fVnvAm1EjzLyYMjZQIgb/GKUtzAM2969iQApt2bgQcyuvH/dYAA1vYTpVbrMbo=",
    }),
};
