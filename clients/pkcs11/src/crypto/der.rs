//! DER that is written: what a public or private key is made of, put together as the service takes it (X.690; RFC 5280
//! §4.1, RFC 5958, RFC 8017 appendix A). Buffers with private numbers are wiped when they are dropped.

use zeroize::Zeroizing;

pub type Der = Zeroizing<Vec<u8>>;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: &[u8] = &[0x05, 0];
const SEQUENCE: u8 = 0x30;

const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

fn element(tag: u8, parts: &[&[u8]]) -> Der {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    // Its whole size at once: a buffer that grows would leave what it held behind.
    let mut der = Zeroizing::new(Vec::with_capacity(length + 6));
    der.push(tag);
    match length {
        0..0x80 => der.push(length as u8),
        0x80..0x100 => der.extend([0x81, length as u8]),
        _ => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

/// A number that is not negative, by its bytes, the largest first.
fn integer(bytes: &[u8]) -> Der {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let sign: &[u8] = if bytes.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, bytes])
}

fn spki(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&element(SEQUENCE, algorithm), &element(BIT_STRING, &[&[0], key])]).to_vec()
}

pub fn rsa_public(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    spki(&[RSA, NULL], &element(SEQUENCE, &[&integer(modulus), &integer(exponent)]))
}

/// A key on a curve that RFC 5480 knows by its identifier.
pub fn ec_public(curve: &[u8], point: &[u8]) -> Vec<u8> {
    spki(&[EC, curve], point)
}

/// A key whose algorithm is said by one identifier: RFC 8410, and the post-quantum ones.
pub fn bare_public(identifier: &[u8], key: &[u8]) -> Vec<u8> {
    spki(&[identifier], key)
}

/// PKCS#8 of an RSA key: modulus, both exponents, both primes, both exponents of the primes, coefficient.
pub fn rsa_private(numbers: [&[u8]; 8]) -> Der {
    let numbers = numbers.map(integer);
    let version = integer(&[]);
    let parts: Vec<&[u8]> = std::iter::once(&version).chain(&numbers).map(|part| part.as_slice()).collect();
    let key = element(OCTET_STRING, &[&element(SEQUENCE, &parts)]);
    element(SEQUENCE, &[&version, &element(SEQUENCE, &[RSA, NULL]), &key])
}

/// The last arcs of 2.16.840.1.101.3.4, as a whole identifier.
pub fn nist(arcs: [u8; 2]) -> Vec<u8> {
    [&[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4][..], &arcs].concat()
}

/// The first DER element: its tag, its content, what follows.
pub fn read(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 3 || rest.len() < count {
            return None;
        }
        length = rest[..count].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        rest = &rest[count..];
    }
    if rest.len() < length { None } else { Some((tag, &rest[..length], &rest[length..])) }
}

/// The content of an OCTET STRING that is all there is.
pub fn in_octet_string(der: &[u8]) -> Option<&[u8]> {
    match read(der)? {
        (OCTET_STRING, content, []) => Some(content),
        _ => None,
    }
}

/// The private numbers in PKCS#8: of RSA in their order in PKCS#1 from the modulus on, else the one there is.
pub fn private_numbers(pkcs8: &[u8]) -> Option<Vec<&[u8]>> {
    let (SEQUENCE, body, _) = read(pkcs8)? else { return None };
    let (INTEGER, _, rest) = read(body)? else { return None };
    let (SEQUENCE, algorithm, rest) = read(rest)? else { return None };
    let (OCTET_STRING, key, _) = read(rest)? else { return None };
    let unsigned = |number: &'_ [u8]| number.iter().take_while(|byte| **byte == 0).count();
    if algorithm.starts_with(RSA) {
        let (SEQUENCE, mut rest, _) = read(key)? else { return None };
        let mut numbers = vec![];
        while let Some((INTEGER, number, more)) = read(rest) {
            numbers.push(&number[unsigned(number)..]);
            rest = more;
        }
        return (numbers.len() == 9).then(|| numbers.split_off(1));
    }
    match read(key)? {
        // RFC 5915: version, scalar.
        (SEQUENCE, body, []) if algorithm.starts_with(EC) => {
            let (INTEGER, _, rest) = read(body)? else { return None };
            let (OCTET_STRING, scalar, _) = read(rest)? else { return None };
            Some(vec![scalar])
        }
        // RFC 8410 §7.
        (OCTET_STRING, key, []) => Some(vec![key]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::public_key::{Numbers, PublicKey};

    #[test]
    fn what_is_written_is_read_again() {
        let modulus = [vec![0xc0], vec![7; 255]].concat();
        let read = PublicKey::of_spki(rsa_public(&modulus, &[1, 0, 1])).unwrap();
        assert_eq!(read.numbers, Numbers::Rsa { modulus, exponent: vec![1, 0, 1] });
        let curve = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        let read = PublicKey::of_spki(ec_public(&curve, &[4; 65])).unwrap();
        assert_eq!(read.numbers, Numbers::Curve { oid: curve.to_vec(), point: vec![4; 65] });
    }

    #[test]
    fn numbers_are_the_shortest_and_not_negative() {
        assert_eq!(*integer(&[]), [2, 1, 0]);
        assert_eq!(*integer(&[0, 0, 1]), [2, 1, 1]);
        assert_eq!(*integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(in_octet_string(&[4, 2, 1, 2]), Some(&[1, 2][..]));
        assert_eq!(in_octet_string(&[4, 3, 1, 2]), None);
    }
}
