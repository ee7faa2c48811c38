//! The hash functions, done here: a digest needs no key.

use cryptoki_sys::*;
use sha2::digest::DynDigest;

use crate::proto;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha256,
    Sha384,
    Sha512,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    /// These two only for digests: the service signs with neither.
    Sha1,
    Sha224,
}

/// One row per hash: its own mechanism, its mask generator (PKCS#1 MGF1), and how a DigestInfo of it begins (RFC 8017
/// §9.2 note 1; NIST's arcs for SHA-3).
struct Row {
    hash: Hash,
    mechanism: CK_MECHANISM_TYPE,
    mgf: CK_RSA_PKCS_MGF_TYPE,
    bytes: usize,
    /// Last arc of 2.16.840.1.101.3.4.2.
    arc: u8,
    proto: proto::Digest,
}

const ROWS: [Row; 8] = [
    Row { hash: Hash::Sha256, mechanism: CKM_SHA256, mgf: CKG_MGF1_SHA256, bytes: 32, arc: 1, proto: proto::Digest::Sha256 },
    Row { hash: Hash::Sha384, mechanism: CKM_SHA384, mgf: CKG_MGF1_SHA384, bytes: 48, arc: 2, proto: proto::Digest::Sha384 },
    Row { hash: Hash::Sha512, mechanism: CKM_SHA512, mgf: CKG_MGF1_SHA512, bytes: 64, arc: 3, proto: proto::Digest::Sha512 },
    Row { hash: Hash::Sha3_256, mechanism: CKM_SHA3_256, mgf: CKG_MGF1_SHA3_256, bytes: 32, arc: 8, proto: proto::Digest::Sha3256 },
    Row { hash: Hash::Sha3_384, mechanism: CKM_SHA3_384, mgf: CKG_MGF1_SHA3_384, bytes: 48, arc: 9, proto: proto::Digest::Sha3384 },
    Row { hash: Hash::Sha3_512, mechanism: CKM_SHA3_512, mgf: CKG_MGF1_SHA3_512, bytes: 64, arc: 10, proto: proto::Digest::Sha3512 },
    Row { hash: Hash::Sha1, mechanism: CKM_SHA_1, mgf: CKG_MGF1_SHA1, bytes: 20, arc: 0, proto: proto::Digest::Unspecified },
    Row { hash: Hash::Sha224, mechanism: CKM_SHA224, mgf: CKG_MGF1_SHA224, bytes: 28, arc: 4, proto: proto::Digest::Unspecified },
];

/// The rows that the service has too.
fn known() -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(|row| row.proto != proto::Digest::Unspecified)
}

impl Hash {
    /// A hash that signatures and encryption can name: one that the service has.
    pub fn of_mechanism(mechanism: CK_MECHANISM_TYPE) -> Option<Hash> {
        known().find(|row| row.mechanism == mechanism).map(|row| row.hash)
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    pub fn bytes(self) -> usize {
        self.row().bytes
    }

    pub fn mgf(self) -> CK_RSA_PKCS_MGF_TYPE {
        self.row().mgf
    }

    /// The value of `Digest` in the proto.
    pub fn number(self) -> i32 {
        self.row().proto as i32
    }

    /// The hash whose digests are so long, for a caller who gives a bare digest to ECDSA.
    pub fn of_length(bytes: usize) -> Option<Hash> {
        [Hash::Sha256, Hash::Sha384, Hash::Sha512].into_iter().find(|hash| hash.bytes() == bytes)
    }

    /// What stands before the digest in a DigestInfo.
    pub fn digest_info(self) -> [u8; 19] {
        let Row { bytes, arc, .. } = self.row();
        let length = *bytes as u8;
        [0x30, 17 + length, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, *arc, 5, 0, 4, length]
    }

    /// The hash and the digest of a whole DigestInfo.
    pub fn in_digest_info(data: &[u8]) -> Option<(Hash, &[u8])> {
        known().find_map(|row| {
            let digest = data.strip_prefix(&row.hash.digest_info()[..])?;
            (digest.len() == row.bytes).then_some((row.hash, digest))
        })
    }

    pub fn hasher(self) -> Box<dyn DynDigest + Send> {
        match self {
            Hash::Sha256 => Box::new(sha2::Sha256::default()),
            Hash::Sha384 => Box::new(sha2::Sha384::default()),
            Hash::Sha512 => Box::new(sha2::Sha512::default()),
            Hash::Sha3_256 => Box::new(sha3::Sha3_256::default()),
            Hash::Sha3_384 => Box::new(sha3::Sha3_384::default()),
            Hash::Sha3_512 => Box::new(sha3::Sha3_512::default()),
            Hash::Sha1 => Box::new(sha1::Sha1::default()),
            Hash::Sha224 => Box::new(sha2::Sha224::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_stand_in_the_order_of_the_hashes_and_tell_the_truth_about_lengths() {
        for (index, row) in ROWS.iter().enumerate() {
            assert_eq!(row.hash as usize, index);
            assert_eq!(row.hash.hasher().output_size(), row.bytes);
        }
    }

    #[test]
    fn a_digest_info_is_read_whole_or_not_at_all() {
        // RFC 8017 §9.2 note 1: SHA-256.
        let known = [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];
        assert_eq!(Hash::Sha256.digest_info(), known);
        let whole = [&known[..], &[7; 32]].concat();
        assert_eq!(Hash::in_digest_info(&whole), Some((Hash::Sha256, &[7; 32][..])));
        assert_eq!(Hash::in_digest_info(&whole[..50]), None);
        assert_eq!(Hash::in_digest_info(&[&whole[..], &[0]].concat()), None);
        assert_eq!(Hash::in_digest_info(&[7; 32]), None);
        assert_eq!(Hash::in_digest_info(&[&Hash::Sha224.digest_info()[..], &[7; 28]].concat()), None, "the service has no SHA-224");
        assert_eq!(Hash::of_mechanism(CKM_SHA_1), None);
    }
}
