import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Frontier } from "./frontier.ts";
import { consistencyProof, inclusionProof, provesConsistency, provesInclusion, treeRoot, type NodeReader } from "./proof.ts";
import { emptyRoot, fromHashText, leafHash, nodeHash } from "./tree-hash.ts";
import { tiledNodes } from "./tiles.ts";

/** Entries and roots that Certificate Transparency's reference implementations are tested with. */
const REFERENCE = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map((entry) =>
  Buffer.from(entry, "hex"),
);
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/** A tree kept whole, by the definition of RFC 6962 §2.1 alone: the judge of everything here. */
function wholeRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return emptyRoot();
  if (leaves.length === 1) return leaves[0] as Buffer;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(wholeRoot(leaves.slice(0, split)), wholeRoot(leaves.slice(split)));
}

const readerOf =
  (leaves: readonly Buffer[]): NodeReader =>
  (level, index) =>
    wholeRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

const leavesOf = (size: number): Buffer[] => Array.from({ length: size }, (_, at) => leafHash(Buffer.from(`entry ${at}`)));

const text = (proof: readonly Buffer[]): string[] => proof.map((hash) => hash.toString("hex"));

test("roots of the reference entries are those of Certificate Transparency, for every size", () => {
  const leaves = REFERENCE.map(leafHash);
  const frontier = new Frontier();
  for (const [size, root] of ROOTS.entries()) {
    if (size > 0) frontier.append(leaves[size - 1] as Buffer);
    assert.equal(frontier.root().toString("hex"), root);
    assert.equal(treeRoot(size, readerOf(leaves)).toString("hex"), root);
  }
});

test("proofs of the reference entries are those of Certificate Transparency", () => {
  const leaves = REFERENCE.map(leafHash);
  assert.deepEqual(text(inclusionProof(0, 8, readerOf(leaves))), [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
  ]);
  assert.deepEqual(text(inclusionProof(5, 8, readerOf(leaves))), [
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  ]);
  assert.deepEqual(text(consistencyProof(6, 8, readerOf(leaves))), [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  ]);
});

test("for every size to 300 the frontier has the root, and goes on from its hashes", () => {
  const leaves = leavesOf(300);
  let frontier = new Frontier();
  for (let size = 1; size <= 300; size += 1) {
    frontier.append(leaves[size - 1] as Buffer);
    assert.deepEqual(frontier.root(), wholeRoot(leaves.slice(0, size)));
    frontier = new Frontier(size, frontier.hashes);
  }
});

test("for every size to 70 and every leaf and older size, proofs are right, and wrong for anything else", () => {
  const leaves = leavesOf(70);
  const read = readerOf(leaves);
  for (let size = 1; size <= 70; size += 1) {
    const root = wholeRoot(leaves.slice(0, size));
    for (let index = 0; index < size; index += 1) {
      const proof = inclusionProof(index, size, read);
      assert.ok(provesInclusion(leaves[index] as Buffer, index, size, root, proof), `${index} of ${size}`);
      assert.ok(!provesInclusion(leaves[(index + 1) % 70] as Buffer, index, size, root, proof));
      assert.ok(!provesInclusion(leaves[index] as Buffer, index, size, root, [...proof, root]));
      if (size > 1) assert.ok(!provesInclusion(leaves[index] as Buffer, (index + 1) % size, size, root, proof));
      if (proof.length > 0) assert.ok(!provesInclusion(leaves[index] as Buffer, index, size, root, proof.slice(1)));
      const old = index + 1;
      const oldRoot = wholeRoot(leaves.slice(0, old));
      const consistency = consistencyProof(old, size, read);
      assert.ok(provesConsistency(old, size, oldRoot, root, consistency), `${old} to ${size}`);
      assert.ok(!provesConsistency(old, size, Buffer.alloc(32, 9), root, consistency));
      assert.ok(!provesConsistency(old, size, oldRoot, root, [...consistency, root]));
      if (consistency.length > 0) assert.ok(!provesConsistency(old, size, oldRoot, root, consistency.slice(1)));
    }
  }
});

test("a changed bit anywhere in a proof, a root or a leaf is found", () => {
  const leaves = leavesOf(200);
  const read = readerOf(leaves);
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 200 }), fc.nat(), fc.nat(), fc.nat(), (size, a, b, bit) => {
      const index = a % size;
      const root = wholeRoot(leaves.slice(0, size));
      const parts = [leaves[index] as Buffer, root, ...inclusionProof(index, size, read)].map((part) => Buffer.from(part));
      const part = parts[b % parts.length] as Buffer;
      part[(bit >> 3) % 32] = (part[(bit >> 3) % 32] as number) ^ (1 << (bit & 7));
      const [leaf, top, ...proof] = parts as [Buffer, Buffer, ...Buffer[]];
      assert.ok(!provesInclusion(leaf, index, size, top, proof));
      const old = index + 1;
      if (old === size) return;
      const more = [wholeRoot(leaves.slice(0, old)), root, ...consistencyProof(old, size, read)].map((part) => Buffer.from(part));
      const other = more[b % more.length] as Buffer;
      other[(bit >> 3) % 32] = (other[(bit >> 3) % 32] as number) ^ (1 << (bit & 7));
      const [before, after, ...path] = more as [Buffer, Buffer, ...Buffer[]];
      assert.ok(!provesConsistency(old, size, before, after, path));
    }),
    { numRuns: 300 },
  );
});

test("in trees of thousands of entries, kept as levels of 256, proofs of any leaf and any older size are right", () => {
  const levels: Buffer[][] = [[], [], []];
  const frontier = new Frontier();
  const roots = [emptyRoot()];
  for (const leaf of leavesOf(5000)) {
    frontier.append(leaf, (level, hash) => {
      if (level % 8 === 0) (levels[level / 8] as Buffer[]).push(fromHashText(hash));
    });
    roots.push(frontier.root());
  }
  assert.deepEqual(
    levels.map(({ length }) => length),
    [5000, 19, 0],
  );
  const read = tiledNodes((level, first, count) => {
    const hashes = (levels[level] as Buffer[]).slice(first, first + count);
    assert.equal(hashes.length, count);
    return Buffer.concat(hashes);
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.nat(), (size, a) => {
      const index = a % size;
      const root = roots[size] as Buffer;
      assert.deepEqual(treeRoot(size, read), root);
      assert.ok(provesInclusion((levels[0] as Buffer[])[index] as Buffer, index, size, root, inclusionProof(index, size, read)));
      assert.ok(provesConsistency(index + 1, size, roots[index + 1] as Buffer, root, consistencyProof(index + 1, size, read)));
    }),
    { numRuns: 100 },
  );
});

test("sizes beyond 32 bits are counted right", () => {
  const asked: string[] = [];
  const read: NodeReader = (level, index) => {
    asked.push(`${level}:${index}`);
    return Buffer.alloc(32, level);
  };
  const size = 2 ** 40 + 3;
  const proof = inclusionProof(2 ** 40, size, read);
  assert.deepEqual(asked, ["0:1099511627777", "0:1099511627778", "40:0"]);
  const leaf = Buffer.alloc(32, 7);
  const root = nodeHash(Buffer.alloc(32, 40), nodeHash(nodeHash(leaf, Buffer.alloc(32, 0)), Buffer.alloc(32, 0)));
  assert.ok(provesInclusion(leaf, 2 ** 40, size, root, proof));
  assert.ok(!provesInclusion(leaf, 2 ** 40 + 1, size, root, proof));
});

test("what is no leaf or no older tree has no proof, and what is no proof proves nothing", () => {
  const read = readerOf(leavesOf(4));
  for (const [index, size] of [
    [4, 4],
    [-1, 4],
    [0.5, 4],
    [0, 0],
  ] as const)
    assert.throws(() => inclusionProof(index, size, read), RangeError);
  for (const [old, size] of [
    [0, 4],
    [5, 4],
    [1.5, 4],
  ] as const)
    assert.throws(() => consistencyProof(old, size, read), RangeError);
  const hash = Buffer.alloc(32);
  assert.ok(!provesInclusion(hash, 0, 0, hash, []));
  assert.ok(!provesInclusion(hash, 0, 2, hash, [Buffer.alloc(31)]));
  assert.ok(!provesInclusion(hash, 0, Number.NaN, hash, []));
  assert.ok(!provesConsistency(0, 4, hash, hash, []));
  assert.ok(!provesConsistency(2, 4, hash, hash, []));
  assert.throws(() => new Frontier(3, [hash]), RangeError);
  assert.throws(() => new Frontier(1, [Buffer.alloc(31)]), RangeError);
});
