//! The public half of a key: read from its PEM, shown as attributes, and used to verify without asking the vault.

use cryptoki_sys::{CKR_DATA_LEN_RANGE, CKR_DEVICE_ERROR, CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE};
use rsa::BigUint;
use rsa::rand_core::OsRng;
use rsa::signature::hazmat::PrehashVerifier;

use crate::crypto::der::read as element;
use crate::crypto::digests::Hash;
use crate::error::{Answer, Refusal, refuse};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
    pub numbers: Numbers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Numbers {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An elliptic curve by its object identifier (whole DER element), and the point.
    Curve {
        oid: Vec<u8>,
        point: Vec<u8>,
    },
    /// Anything else; its attributes are the SubjectPublicKeyInfo alone.
    Other,
}

const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const SECP256K1: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 10];
const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 34];
const P521: &[u8] = &[0x06, 5, 0x2b, 0x81, 4, 0, 35];
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 112];
/// X25519, X448, Ed25519, Ed448 are arcs 110 to 113 of 1.3.101 (RFC 8410 §3).
const RFC8410: &[u8] = &[0x06, 3, 0x2b, 0x65];

impl PublicKey {
    /// @errors `CKR_DEVICE_ERROR` when the server's text is no public key.
    pub fn of_pem(pem: &str) -> Answer<PublicKey> {
        let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        PublicKey::of_spki(crate::remote::base64(&text).ok_or(Refusal(CKR_DEVICE_ERROR))?)
    }

    /// @errors `CKR_DEVICE_ERROR` for what is no SubjectPublicKeyInfo
    pub fn of_spki(spki: Vec<u8>) -> Answer<PublicKey> {
        let numbers = numbers_of(&spki).ok_or(Refusal(CKR_DEVICE_ERROR))?;
        Ok(PublicKey { spki, numbers })
    }

    /// The key as text, as the service takes one from elsewhere.
    pub fn pem(&self) -> String {
        let text = crate::remote::to_base64(&self.spki);
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// Whether a key that an application made up is one: a point on its curve, a modulus of a size that is used here.
    pub fn is_sound(&self) -> bool {
        match &self.numbers {
            Numbers::Rsa { .. } => self.rsa().is_ok(),
            Numbers::Curve { oid, point } => match oid.as_slice() {
                P256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),
                P384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),
                P521 => p521::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),
                SECP256K1 => k256::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),
                _ => true,
            },
            Numbers::Other => true,
        }
    }

    /// What the SubjectPublicKeyInfo carries, whatever kind of key it is.
    pub fn bits(&self) -> Option<&[u8]> {
        let (_, body, _) = element(&self.spki)?;
        let (_, _, rest) = element(body)?;
        let (0x03, bits, []) = element(rest)? else { return None };
        bits.strip_prefix(&[0])
    }

    /// Length of a signature, where every signature of the key has the same: none for keys that do not sign here.
    pub fn signature_bytes(&self) -> Option<usize> {
        match &self.numbers {
            Numbers::Rsa { modulus, .. } => Some(modulus.len()),
            Numbers::Curve { oid, point } if oid.starts_with(RFC8410) => Some(point.len() * 2),
            Numbers::Curve { point, .. } => Some(point.len() - 1),
            Numbers::Other => None,
        }
    }

    /// Bytes of an RSA modulus; none of others.
    pub fn modulus_bytes(&self) -> usize {
        match &self.numbers {
            Numbers::Rsa { modulus, .. } => modulus.len(),
            _ => 0,
        }
    }

    /// RSAES-OAEP with an empty label, and the same hash for MGF1.
    pub fn encrypt_oaep(&self, hash: Hash, data: &[u8]) -> Answer<Vec<u8>> {
        let key = self.rsa()?;
        macro_rules! with {
            ($hash:ty) => {
                key.encrypt(&mut OsRng, rsa::Oaep::new::<$hash>(), data)
            };
        }
        let made = match hash {
            Hash::Sha256 => with!(sha2::Sha256),
            Hash::Sha384 => with!(sha2::Sha384),
            Hash::Sha512 => with!(sha2::Sha512),
            Hash::Sha3_256 => with!(sha3::Sha3_256),
            Hash::Sha3_384 => with!(sha3::Sha3_384),
            Hash::Sha3_512 => with!(sha3::Sha3_512),
            Hash::Sha1 | Hash::Sha224 => return refuse(CKR_DATA_LEN_RANGE),
        };
        made.map_err(|_| Refusal(CKR_DATA_LEN_RANGE))
    }

    /// RSAES-PKCS1-v1_5.
    pub fn encrypt_pkcs1(&self, data: &[u8]) -> Answer<Vec<u8>> {
        self.rsa()?.encrypt(&mut OsRng, rsa::Pkcs1v15Encrypt, data).map_err(|_| Refusal(CKR_DATA_LEN_RANGE))
    }

    /// Whether this module can verify EdDSA with the key itself.
    pub fn is_ed25519(&self) -> bool {
        matches!(&self.numbers, Numbers::Curve { oid, .. } if oid == ED25519)
    }

    fn checked_length(&self, signature: &[u8]) -> Answer<()> {
        if self.signature_bytes() == Some(signature.len()) { Ok(()) } else { refuse(CKR_SIGNATURE_LEN_RANGE) }
    }

    /// ECDSA over a digest, r and s side by side.
    pub fn verify_ecdsa(&self, digest: &[u8], signature: &[u8]) -> Answer<()> {
        self.checked_length(signature)?;
        let Numbers::Curve { oid, point } = &self.numbers else { return refuse(CKR_SIGNATURE_INVALID) };
        macro_rules! on {
            ($curve:ident) => {{
                let signature = $curve::ecdsa::Signature::from_slice(signature).map_err(|_| Refusal(CKR_SIGNATURE_INVALID))?;
                let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| Refusal(CKR_DEVICE_ERROR))?;
                key.verify_prehash(digest, &signature)
            }};
        }
        // RustCrypto wants at least half a scalar; shorter digests mean the same number with zeros before them.
        let padded;
        let least = (point.len() - 1) / 2;
        let digest = if digest.len() < least {
            padded = [vec![0; least - digest.len()], digest.to_vec()].concat();
            &padded[..]
        } else {
            digest
        };
        let verified = match oid.as_slice() {
            P256 => on!(p256),
            P384 => on!(p384),
            P521 => on!(p521),
            SECP256K1 => {
                // The crate refuses the larger of the two values of s, which other signers do make.
                let signature = k256::ecdsa::Signature::from_slice(signature).map_err(|_| Refusal(CKR_SIGNATURE_INVALID))?;
                let signature = signature.normalize_s().unwrap_or(signature);
                let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| Refusal(CKR_DEVICE_ERROR))?;
                key.verify_prehash(digest, &signature)
            }
            _ => return refuse(CKR_SIGNATURE_INVALID),
        };
        verified.map_err(|_| Refusal(CKR_SIGNATURE_INVALID))
    }

    /// RSASSA-PKCS1-v1_5 over what stands in the block after the padding: for a digest, its DigestInfo.
    pub fn verify_pkcs1(&self, block: &[u8], signature: &[u8]) -> Answer<()> {
        self.checked_length(signature)?;
        self.rsa()?.verify(rsa::Pkcs1v15Sign::new_unprefixed(), block, signature).map_err(|_| Refusal(CKR_SIGNATURE_INVALID))
    }

    /// RSA without padding: the signature's number, raised to the public exponent, is the data's.
    pub fn verify_raw(&self, data: &[u8], signature: &[u8]) -> Answer<()> {
        self.checked_length(signature)?;
        let Numbers::Rsa { modulus, exponent } = &self.numbers else { return refuse(CKR_SIGNATURE_INVALID) };
        let [modulus, exponent, signature, data] = [modulus, exponent, signature, data].map(BigUint::from_bytes_be);
        if signature < modulus && signature.modpow(&exponent, &modulus) == data { Ok(()) } else { refuse(CKR_SIGNATURE_INVALID) }
    }

    pub fn verify_pss(&self, hash: Hash, salt_bytes: usize, digest: &[u8], signature: &[u8]) -> Answer<()> {
        self.checked_length(signature)?;
        macro_rules! with {
            ($hash:ty) => {
                self.rsa()?.verify(rsa::Pss::new_with_salt::<$hash>(salt_bytes), digest, signature)
            };
        }
        let verified = match hash {
            Hash::Sha256 => with!(sha2::Sha256),
            Hash::Sha384 => with!(sha2::Sha384),
            Hash::Sha512 => with!(sha2::Sha512),
            Hash::Sha3_256 => with!(sha3::Sha3_256),
            Hash::Sha3_384 => with!(sha3::Sha3_384),
            Hash::Sha3_512 => with!(sha3::Sha3_512),
            Hash::Sha1 | Hash::Sha224 => return refuse(CKR_SIGNATURE_INVALID),
        };
        verified.map_err(|_| Refusal(CKR_SIGNATURE_INVALID))
    }

    pub fn verify_ed25519(&self, data: &[u8], signature: &[u8]) -> Answer<()> {
        self.checked_length(signature)?;
        let Numbers::Curve { point, .. } = &self.numbers else { return refuse(CKR_SIGNATURE_INVALID) };
        let key = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, point);
        key.verify(data, signature).map_err(|_| Refusal(CKR_SIGNATURE_INVALID))
    }

    fn rsa(&self) -> Answer<rsa::RsaPublicKey> {
        let Numbers::Rsa { modulus, exponent } = &self.numbers else { return refuse(CKR_SIGNATURE_INVALID) };
        rsa::RsaPublicKey::new(BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(exponent)).map_err(|_| Refusal(CKR_DEVICE_ERROR))
    }
}

fn numbers_of(spki: &[u8]) -> Option<Numbers> {
    let (0x30, body, []) = element(spki)? else { return None };
    let (0x30, algorithm, rest) = element(body)? else { return None };
    let (0x03, bits, []) = element(rest)? else { return None };
    let (0, key) = bits.split_first().map(|(unused, key)| (*unused, key))? else { return None };
    if let Some(curve) = algorithm.strip_prefix(EC) {
        return Some(Numbers::Curve { oid: curve.to_vec(), point: key.to_vec() });
    }
    if algorithm.starts_with(RSA) {
        let (0x30, numbers, []) = element(key)? else { return None };
        let (0x02, modulus, rest) = element(numbers)? else { return None };
        let (0x02, exponent, []) = element(rest)? else { return None };
        let unsigned = |number: &[u8]| number.strip_prefix(&[0]).unwrap_or(number).to_vec();
        return Some(Numbers::Rsa { modulus: unsigned(modulus), exponent: unsigned(exponent) });
    }
    if algorithm.starts_with(RFC8410) && algorithm.len() == 5 {
        return Some(Numbers::Curve { oid: algorithm.to_vec(), point: key.to_vec() });
    }
    Some(Numbers::Other)
}

/// A DER OCTET STRING, as CKA_EC_POINT wants the point.
pub fn octet_string(content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![0x04];
    match length {
        0..0x80 => der.push(length as u8),
        0x80..0x100 => der.extend([0x81, length as u8]),
        _ => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend_from_slice(content);
    der
}
