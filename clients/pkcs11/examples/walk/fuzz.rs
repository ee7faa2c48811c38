//! Random templates, mechanisms and parameters, for a time. Nothing is known of what they mean, so that only this is
//! asked: no crash, no panic (CKR_GENERAL_ERROR), and an answer that PKCS#11 knows.

use std::time::{Duration, Instant};

use cryptoki_sys::*;

use crate::Findings;
use crate::state::State;

/// SplitMix64: the same seed walks the same way.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.word() % limit as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| self.word() as u8).collect()
    }
}

/// What a word of a parameter's structure is: a number, a pointer to real memory, how long that is said to be, how many
/// structures (of zeros) a pointer leads to.
#[derive(Clone, Copy)]
enum Field {
    Number,
    Pointer,
    Length,
    Count,
}
use Field::{Count as C, Length as L, Number as N, Pointer as P};

/// The structure of a mechanism's parameter (pkcs11t.h). A pointer must be where the structure has one, as every caller
/// promises; a structure of another length is a mistake that a module can see, and is made too.
fn structure(kind: CK_MECHANISM_TYPE) -> &'static [Field] {
    match kind {
        CKM_RSA_PKCS_PSS | CKM_SHA256_RSA_PKCS_PSS | CKM_SHA512_RSA_PKCS_PSS | CKM_AES_CTR => &[N, N, N],
        CKM_RSA_PKCS_OAEP => &[N, N, N, P, L],
        CKM_EDDSA => &[N, L, P],
        CKM_AES_GCM => &[P, L, N, P, L, N],
        CKM_AES_CCM => &[N, P, L, P, L, N],
        CKM_CHACHA20_POLY1305 => &[P, L, P, L],
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => &[N, L, P, L, P],
        CKM_HKDF_DERIVE => &[N, N, N, P, L, N, P, L],
        CKM_SP800_108_COUNTER_KDF | CKM_SP800_108_DOUBLE_PIPELINE_KDF => &[N, C, P, C, P],
        CKM_SP800_108_FEEDBACK_KDF => &[N, C, P, L, P, C, P],
        CKM_ML_DSA | CKM_SLH_DSA => &[N, P, L],
        CKM_HASH_ML_DSA => &[N, P, L, N],
        CKM_RSA_AES_KEY_WRAP => &[N, P],
        CKM_CONCATENATE_BASE_AND_DATA => &[P, L],
        CKM_SHA256_HMAC_GENERAL => &[N],
        _ => &[],
    }
}

const MEMORY: usize = 4096;
const MECHANISMS: &[CK_MECHANISM_TYPE] = &[
    CKM_RSA_PKCS,
    CKM_RSA_X_509,
    CKM_RSA_PKCS_OAEP,
    CKM_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS,
    CKM_SHA256_RSA_PKCS_PSS,
    CKM_SHA512_RSA_PKCS_PSS,
    CKM_RSA_PKCS_KEY_PAIR_GEN,
    CKM_EC_KEY_PAIR_GEN,
    CKM_EC_EDWARDS_KEY_PAIR_GEN,
    CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
    CKM_ECDSA,
    CKM_ECDSA_SHA256,
    CKM_ECDSA_SHA384,
    CKM_EDDSA,
    CKM_ECDH1_DERIVE,
    CKM_ECDH1_COFACTOR_DERIVE,
    CKM_AES_KEY_GEN,
    CKM_AES_ECB,
    CKM_AES_CBC,
    CKM_AES_CBC_PAD,
    CKM_AES_CTR,
    CKM_AES_GCM,
    CKM_AES_CCM,
    CKM_AES_CMAC,
    CKM_AES_GMAC,
    CKM_AES_KEY_WRAP,
    CKM_AES_KEY_WRAP_KWP,
    CKM_AES_XTS,
    CKM_CHACHA20_POLY1305,
    CKM_SHA256_HMAC,
    CKM_SHA256_HMAC_GENERAL,
    CKM_GENERIC_SECRET_KEY_GEN,
    CKM_SHA256_KEY_GEN,
    CKM_SHA3_512_KEY_GEN,
    CKM_HKDF_DERIVE,
    CKM_HKDF_KEY_GEN,
    CKM_SP800_108_COUNTER_KDF,
    CKM_SP800_108_FEEDBACK_KDF,
    CKM_SP800_108_DOUBLE_PIPELINE_KDF,
    CKM_ML_DSA,
    CKM_HASH_ML_DSA,
    CKM_ML_DSA_KEY_PAIR_GEN,
    CKM_ML_KEM,
    CKM_ML_KEM_KEY_PAIR_GEN,
    CKM_SLH_DSA,
    CKM_SLH_DSA_KEY_PAIR_GEN,
    CKM_SHA256,
    CKM_SHA512,
    CKM_SHA3_256,
    CKM_SHA256_KEY_DERIVATION,
    CKM_RSA_AES_KEY_WRAP,
    CKM_CONCATENATE_BASE_AND_DATA,
];
const ATTRIBUTES: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_UNIQUE_ID,
    CKA_APPLICATION,
    CKA_VALUE,
    CKA_OBJECT_ID,
    CKA_CERTIFICATE_TYPE,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_TRUSTED,
    CKA_CERTIFICATE_CATEGORY,
    CKA_KEY_TYPE,
    CKA_SUBJECT,
    CKA_ID,
    CKA_SENSITIVE,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_DERIVE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_MODULUS,
    CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_PUBLIC_KEY_INFO,
    CKA_VALUE_LEN,
    CKA_EXTRACTABLE,
    CKA_LOCAL,
    CKA_NEVER_EXTRACTABLE,
    CKA_ALWAYS_SENSITIVE,
    CKA_KEY_GEN_MECHANISM,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_WRAP_WITH_TRUSTED,
    CKA_ALLOWED_MECHANISMS,
    CKA_PROFILE_ID,
    CKA_PARAMETER_SET,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
    CKA_SEED,
];
const VALUES: &[u64] = &[0, 1, 2, 3, 4, 8, 0x1f, 0x2b, 32, 128, 256, 2048, u32::MAX as u64, u64::MAX, 1 << 63];

/// Functions with a mechanism or a template, by the kinds of their words after the session: mechanism, key, template (two
/// words), a handle to fill, bytes (two words), output (two words).
const FUNCTIONS: &[(&str, &str)] = &[
    ("C_FindObjectsInit", "t"),
    ("C_GetAttributeValue", "kt"),
    ("C_SetAttributeValue", "kt"),
    ("C_CreateObject", "th"),
    ("C_CopyObject", "kth"),
    ("C_DigestInit", "m"),
    ("C_SignInit", "mk"),
    ("C_VerifyInit", "mk"),
    ("C_EncryptInit", "mk"),
    ("C_DecryptInit", "mk"),
    ("C_SignRecoverInit", "mk"),
    ("C_VerifyRecoverInit", "mk"),
    ("C_MessageEncryptInit", "mk"),
    ("C_MessageDecryptInit", "mk"),
    ("C_MessageSignInit", "mk"),
    ("C_MessageVerifyInit", "mk"),
    ("C_VerifySignatureInit", "mkb"),
    ("C_GenerateKey", "mth"),
    ("C_GenerateKeyPair", "mtthh"),
    ("C_WrapKey", "mkko"),
    ("C_UnwrapKey", "mkbth"),
    ("C_WrapKeyAuthenticated", "gkkbo"),
    ("C_UnwrapKeyAuthenticated", "gkbtbh"),
    ("C_DeriveKey", "mkth"),
    ("C_EncapsulateKey", "mktoh"),
    ("C_DecapsulateKey", "mktbh"),
];
/// What may follow an Init, so that what it kept is used.
const FOLLOWING: &[(&str, &str)] = &[
    ("C_Sign", "bo"),
    ("C_SignUpdate", "b"),
    ("C_SignFinal", "o"),
    ("C_Verify", "bb"),
    ("C_VerifyUpdate", "b"),
    ("C_VerifyFinal", "b"),
    ("C_Encrypt", "bo"),
    ("C_EncryptUpdate", "bo"),
    ("C_EncryptFinal", "o"),
    ("C_Decrypt", "bo"),
    ("C_DecryptUpdate", "bo"),
    ("C_DecryptFinal", "o"),
    ("C_Digest", "bo"),
    ("C_DigestUpdate", "b"),
    ("C_DigestKey", "k"),
    ("C_DigestFinal", "o"),
    ("C_FindObjectsFinal", ""),
    ("C_VerifySignature", "b"),
    ("C_VerifySignatureUpdate", "b"),
    ("C_VerifySignatureFinal", ""),
];

/// Memory of one call: freed when the call has returned, so that valgrind sees what is used later.
#[derive(Default)]
struct Memory {
    blocks: Vec<Box<[u64]>>,
    templates: Vec<Box<[CK_ATTRIBUTE]>>,
    /// Each in a place of its own: pointers to them are handed out while more come.
    #[allow(clippy::vec_box)]
    mechanisms: Vec<Box<CK_MECHANISM>>,
}

impl Memory {
    fn block(&mut self, bytes: usize) -> usize {
        let mut block = vec![0u64; bytes.div_ceil(8)].into_boxed_slice();
        let address = block.as_mut_ptr() as usize;
        self.blocks.push(block);
        address
    }

    fn filled(&mut self, bytes: &[u8]) -> usize {
        let address = self.block(bytes.len());
        // SAFETY: the block is as long.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address as *mut u8, bytes.len()) };
        address
    }

    fn value(&mut self, random: &mut Random) -> (usize, CK_ULONG) {
        match random.below(8) {
            0 => (0, random.of(&[0, 1, 8, u64::MAX]) as CK_ULONG),
            1..=3 => (self.filled(&random.of(VALUES).to_ne_bytes()), 8),
            4 | 5 => (self.filled(&[random.of(&[0, 1, 1, 2])]), 1),
            6 => (self.filled(&[0x13, 6, b'P', b'-', b'2', b'5', b'6', 0, 6, 8]), random.of(&[0, 2, 8, 10])),
            _ => {
                let bytes = random.bytes(300);
                (self.filled(&bytes), bytes.len() as CK_ULONG)
            }
        }
    }

    fn template(&mut self, random: &mut Random) -> (usize, usize) {
        let attributes: Vec<CK_ATTRIBUTE> = (0..random.below(9))
            .map(|_| {
                let (value, length) = self.value(random);
                // Values of array attributes have pointers of their own, which random bytes are not.
                let kind = if random.below(20) == 0 { random.word() as CK_ULONG & !CKF_ARRAY_ATTRIBUTE } else { random.of(ATTRIBUTES) };
                CK_ATTRIBUTE { type_: kind, pValue: value as *mut _, ulValueLen: length }
            })
            .collect();
        let mut attributes = attributes.into_boxed_slice();
        let words = (attributes.as_mut_ptr() as usize, attributes.len());
        self.templates.push(attributes);
        words
    }

    /// AES-GCM with the parameter of a message, whose nonce and tag have real memory.
    fn by_message(&mut self, random: &mut Random) -> usize {
        let lengths: &[CK_ULONG] = &[0, 8, 12, 12, 12, 16, 256, 257, CK_ULONG::MAX];
        let place = |memory: &mut Memory, random: &mut Random| if random.below(8) == 0 { 0 } else { memory.block(MEMORY) as CK_ULONG };
        let words = [
            place(self, random),
            random.of(lengths),
            random.of(&[0, 0, 32]),
            random.of(&[CKG_NO_GENERATE, CKG_GENERATE, CKG_GENERATE_RANDOM, CKG_GENERATE_COUNTER, 99]),
            place(self, random),
            random.of(&[0, 96, 128, 128, CK_ULONG::MAX]),
        ];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let length = bytes.len() as CK_ULONG - random.of(&[0, 0, 0, 8]);
        let (kind, parameter) = (random.of(&[CKM_AES_GCM, CKM_AES_GCM, CKM_AES_CCM]), self.filled(&bytes) as *mut _);
        let mut mechanism = Box::new(CK_MECHANISM { mechanism: kind, pParameter: parameter, ulParameterLen: length });
        let address = std::ptr::from_mut(&mut *mechanism) as usize;
        self.mechanisms.push(mechanism);
        address
    }

    fn mechanism(&mut self, random: &mut Random) -> usize {
        let kind = if random.below(20) == 0 { 0x8000_0000 | random.word() as CK_ULONG } else { random.of(MECHANISMS) };
        let own = structure(kind);
        let other = structure(random.of(MECHANISMS));
        let fields = if random.below(4) == 0 && other.len() != own.len() { other } else { own };
        let mut words = vec![];
        for field in fields {
            let word: CK_ULONG = match field {
                Field::Number => random.of(&[0, 1, 12, 16, 32, 96, 128, CKM_SHA256, CKG_MGF1_SHA256, CK_ULONG::MAX]),
                Field::Pointer if random.below(6) == 0 => 0,
                Field::Pointer => self.block(MEMORY) as CK_ULONG,
                Field::Length => random.of(&[0, 1, 12, 16, 65, 255, 256, MEMORY as CK_ULONG, CK_ULONG::MAX]),
                Field::Count => random.below(6) as CK_ULONG,
            };
            words.extend(word.to_ne_bytes());
        }
        let length = words.len();
        let parameter = self.filled(&words);
        let mut mechanism = Box::new(CK_MECHANISM { mechanism: kind, pParameter: parameter as *mut _, ulParameterLen: length as CK_ULONG });
        if own.is_empty() && random.below(2) == 0 {
            // An IV, or anything else that is bytes.
            let bytes = random.bytes(32);
            (mechanism.pParameter, mechanism.ulParameterLen) = (self.filled(&bytes) as *mut _, bytes.len() as CK_ULONG);
        }
        let address = std::ptr::from_mut(&mut *mechanism) as usize;
        self.mechanisms.push(mechanism);
        address
    }

    fn words(&mut self, shape: &str, session: CK_SESSION_HANDLE, keys: &[CK_OBJECT_HANDLE], random: &mut Random) -> Vec<usize> {
        let mut words = vec![session as usize];
        for kind in shape.chars() {
            match kind {
                'm' => words.push(self.mechanism(random)),
                'g' => words.push(self.by_message(random)),
                'k' => words.push(random.of(keys) as usize),
                't' => {
                    let (start, count) = self.template(random);
                    words.extend([start, count]);
                }
                'h' => words.push(self.block(8)),
                'b' => {
                    let bytes = random.bytes(400);
                    words.extend([self.filled(&bytes), bytes.len()]);
                }
                _ => {
                    let room = random.of(&[0u64, 1, 16, 4096]);
                    words.extend([self.block(room as usize), self.filled(&room.to_ne_bytes())]);
                }
            }
        }
        words
    }
}

pub fn run(state: &State, unsupported: &[&str], seconds: u64, seed: u64, findings: &mut Findings) -> usize {
    let mut random = Random(seed);
    let known: Vec<_> = FUNCTIONS.iter().filter(|(name, _)| !unsupported.contains(name)).collect();
    let following: Vec<_> = FOLLOWING.iter().filter(|(name, _)| !unsupported.contains(name)).collect();
    let keys = state.all_keys();
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut calls = 0;
    while Instant::now() < until {
        let session = state.session();
        let mut names = vec![random.of(&known)];
        names.extend((0..random.below(5)).map(|_| random.of(&following)));
        for (name, shape) in names {
            let mut memory = Memory::default();
            let words = memory.words(shape, session, &keys, &mut random);
            let answer = state.library.call(name, &words);
            calls += 1;
            if !is_an_answer(answer) {
                findings.add(format!("call {calls} of seed {seed}, {name}: {answer:#x}"));
            }
        }
        state.close(session);
    }
    calls
}

/// A panic that was caught, or a number that PKCS#11 does not have.
fn is_an_answer(answer: CK_RV) -> bool {
    answer != CKR_GENERAL_ERROR && answer != CKR_DEVICE_ERROR && (answer <= CKR_PUBLIC_KEY_INVALID || answer <= 0x204)
}
