/**
 * Tiles: how a tree's hashes are cut into pieces of 256 that other tools can fetch, and what the pieces are called.
 *
 * Level 0 holds leaf hashes; a hash of level L is the root of a full tile of level L - 1. The hashes between two levels are
 * computed.
 *
 * @see C2SP tlog-tiles
 */
import { HASH_BYTES, nodeHash } from "./tree-hash.ts";
import type { NodeReader } from "./proof.ts";

/** Hashes of a full tile. */
export const TILE_WIDTH = 256;
/** Binary levels of a tile. */
export const TILE_HEIGHT = 8;
/** Levels that a tree of fewer than 2^53 leaves can have. */
export const TILE_LEVELS = 7;

/** Where a tile is: of hashes of a level, or of the entries themselves. */
export interface Tile {
  readonly level: number | "entries";
  readonly index: number;
  /** 1 to 256; below 256 the tile is partial. */
  readonly width: number;
}

/** The path of a tile, without a slash in front: `tile/0/x001/067`, `tile/entries/000.p/17`. */
export function tilePath({ level, index, width }: Tile): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/\d{3}/g) as string[];
  const path = groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join("/");
  return `tile/${level}/${path}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

/** The tile of a path, or undefined when it is no path that {@link tilePath} makes. */
export function parseTilePath(path: string): Tile | undefined {
  const found = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/.exec(path);
  if (found === null) return undefined;
  const [, level, groups, partial] = found as unknown as [string, string, string, string | undefined];
  const tile: Tile = {
    level: level === "entries" ? level : Number(level),
    index: Number(groups.replaceAll(/[x/]/g, "")),
    width: partial === undefined ? TILE_WIDTH : Number(partial),
  };
  return tile.width >= 1 && Number.isSafeInteger(tile.index) && tilePath(tile) === path ? tile : undefined;
}

/** Hashes that a level has in a tree of `size` leaves. */
export const levelWidth = (level: number, size: number): number => Math.floor(size / TILE_WIDTH ** level);

/** Whether a tree of `size` leaves has the tile, whole or at that width. */
export function hasTile({ level, index, width }: Tile, size: number): boolean {
  return index * TILE_WIDTH + width <= levelWidth(level === "entries" ? 0 : level, size);
}

/**
 * Reads nodes of a tree out of its levels.
 *
 * @param hashes `count` hashes of a level from the index `first` on, one after the other
 */
export function tiledNodes(hashes: (level: number, first: number, count: number) => Uint8Array): NodeReader {
  return (level, index) => {
    const above = level % TILE_HEIGHT;
    const count = 2 ** above;
    const bytes = hashes((level - above) / TILE_HEIGHT, index * count, count);
    let row: Uint8Array[] = [];
    for (let at = 0; at < count; at += 1) row.push(bytes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES));
    while (row.length > 1) row = row.flatMap((left, at) => (at % 2 === 0 ? [nodeHash(left, row[at + 1] as Uint8Array)] : []));
    return row[0] as Uint8Array;
  };
}
