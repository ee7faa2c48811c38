import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasTile, parseTilePath, tilePath, type Tile } from "./tiles.ts";

test("paths are those of the specification's examples", () => {
  assert.equal(tilePath({ level: 0, index: 1234067, width: 256 }), "tile/0/x001/x234/067");
  assert.equal(tilePath({ level: 0, index: 273, width: 112 }), "tile/0/273.p/112");
  assert.equal(tilePath({ level: "entries", index: 0, width: 256 }), "tile/entries/000");
});

test("a tree of 70,000 entries has the tiles that the specification counts, and no others", () => {
  const size = 70_000;
  assert.ok(hasTile({ level: 0, index: 272, width: 256 }, size));
  assert.ok(hasTile({ level: 0, index: 273, width: 112 }, size));
  assert.ok(!hasTile({ level: 0, index: 273, width: 113 }, size));
  assert.ok(hasTile({ level: 1, index: 0, width: 256 }, size));
  assert.ok(hasTile({ level: 1, index: 1, width: 17 }, size));
  assert.ok(!hasTile({ level: 1, index: 1, width: 18 }, size));
  assert.ok(hasTile({ level: 2, index: 0, width: 1 }, size));
  assert.ok(!hasTile({ level: 2, index: 0, width: 2 }, size));
  assert.ok(!hasTile({ level: 3, index: 0, width: 1 }, size));
  assert.ok(hasTile({ level: "entries", index: 273, width: 112 }, size));
});

test("a path read back is the tile it was made of", () => {
  const tiles: fc.Arbitrary<Tile> = fc.record({
    level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant("entries" as const)),
    index: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    width: fc.integer({ min: 1, max: 256 }),
  });
  fc.assert(fc.property(tiles, (tile) => assert.deepEqual(parseTilePath(tilePath(tile)), { ...tile })));
});

test("a path that the specification does not write is none", () => {
  for (const path of [
    "tile/00/000",
    "tile/0/0",
    "tile/0/1234",
    "tile/0/x000/001",
    "tile/0/x001/x067",
    "tile/0/001/067",
    "tile/0/000.p/0",
    "tile/0/000.p/256",
    "tile/0/000.p/07",
    "tile/-1/000",
    "tile/data/000",
    "/tile/0/000",
    "tile/0/000/",
    "tile/0/x999/x999/x999/x999/x999/999",
    "",
  ])
    assert.equal(parseTilePath(path), undefined, path);
});
