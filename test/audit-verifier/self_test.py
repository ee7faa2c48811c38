"""The verifier against published answers: RFC 8032 section 7.1, RFC 6962's roots, RFC 8785's order. Run: python3 -m unittest self_test"""

import unittest

import ed25519
from canonical_json import NotCanonical, canonical_object
from merkle import Tree, leaf_hash, node_hash, verify_consistency, verify_inclusion

# Public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# The inputs and roots that RFC 6962's implementations share; the roots of the first 1 to 8.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _path(index, leaves):
    """RFC 6962 section 2.1.1, by its definition."""
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return _path(index, leaves[:k]) + [_root(leaves[k:])]
    return _path(index - k, leaves[k:]) + [_root(leaves[:k])]


def _root(leaves):
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def _subproof(m, leaves, known):
    """RFC 6962 section 2.1.2, by its definition."""
    if m == len(leaves):
        return [] if known else [_root(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m <= k:
        return _subproof(m, leaves[:k], known) + [_root(leaves[k:])]
    return _subproof(m - k, leaves[k:], False) + [_root(leaves[:k])]


class SelfTest(unittest.TestCase):
    def test_ed25519_verifies_what_rfc_8032_signs_and_no_flipped_bit_of_it(self):
        for public, message, signature in (map(bytes.fromhex, vector) for vector in RFC_8032):
            self.assertTrue(ed25519.verify(public, message, signature))
            self.assertFalse(ed25519.verify(public, message + b"x", signature))
            for bit in range(0, 512, 37):
                flipped = bytearray(signature)
                flipped[bit // 8] ^= 1 << bit % 8
                self.assertFalse(ed25519.verify(public, message, bytes(flipped)))

    def test_a_signature_whose_number_is_not_reduced_is_refused(self):
        public, message, signature = map(bytes.fromhex, RFC_8032[0])
        more = (int.from_bytes(signature[32:], "little") + ed25519.ORDER).to_bytes(32, "little")
        self.assertFalse(ed25519.verify(public, message, signature[:32] + more))

    def test_roots_are_those_of_rfc_6962(self):
        leaves = [bytes.fromhex(leaf) for leaf in LEAVES]
        for size, root in enumerate(ROOTS, 1):
            self.assertEqual(_root(leaves[:size]).hex(), root)
        self.assertEqual(node_hash(leaf_hash(leaves[0]), leaf_hash(leaves[1])).hex(), ROOTS[1])

    def test_proofs_of_every_small_tree_hold_and_no_changed_one_does(self):
        leaves = [bytes([n]) * 32 for n in range(20)]
        for size in range(1, 21):
            root = _root(leaves[:size])
            for index in range(size):
                leaf, path = leaf_hash(leaves[index]), _path(index, leaves[:size])
                self.assertTrue(verify_inclusion(leaf, index, size, path, root))
                self.assertFalse(verify_inclusion(leaf, index, size, path + [root], root))
                self.assertFalse(verify_inclusion(leaf, index + 1, size, path, root))
            for first in range(1, size + 1):
                proof, old = _subproof(first, leaves[:size], True), _root(leaves[:first])
                self.assertTrue(verify_consistency(first, size, proof, old, root))
                self.assertFalse(verify_consistency(first, size, proof + [root], old, root))
                self.assertFalse(verify_consistency(first, size, proof, leaf_hash(old), root))

    def test_canonical_json_is_ordered_by_utf_16_and_each_value_has_one_text(self):
        canonical_object('{"\\r":0,"1":[],"\u20ac":true,"\U0001f600":{"a":null},"\ufb33":"\\u001f/\\""}'.encode())
        for text in ['{"b":1,"a":1}', '{"a":1,"a":1}', '{"a": 1}', '{"a":1.0}', '{"a":01}', '{"a":-0}', '{"a":"\\/"}']:
            self.assertRaises(NotCanonical, canonical_object, text.encode())
        for text in ["[]", '{"a":NaN}', '{"a":"\\u001F"}', '{"a":"\\ud800"}', '{"a":9007199254740992}', '{"a":1}\n']:
            self.assertRaises(NotCanonical, canonical_object, text.encode())


if __name__ == "__main__":
    unittest.main()
