/**
 * Makes the indexes that finished segments lack (segment-index.ts), following the log like everybody else.
 *
 * It may be ended at any time and goes on where it was: what there is to do is what is missing.
 */
import type { KeyObject } from "node:crypto";
import { parseLine } from "./event.ts";
import type { FileLayer } from "./file-layer.ts";
import type { Follower } from "./follow.ts";
import { IndexBuilder, SegmentIndex } from "./segment-index.ts";
import { listSegments } from "./segments.ts";

export interface IndexerOptions {
  readonly files: FileLayer;
  readonly path: string;
  readonly macKey: KeyObject;
  readonly log: { follow(after: number): Follower };
  /** Told false when it is to leave the rest. */
  readonly wanted: () => boolean;
}

/** @returns how many indexes were made */
export async function indexSegments(options: IndexerOptions): Promise<number> {
  const { files, path, macKey, wanted } = options;
  let made = 0;
  const segments = listSegments(files, path);
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined || !wanted()) return made;
    if (segment.gone !== undefined) continue;
    const known = SegmentIndex.open(files, segment, next.firstSequence, macKey);
    known?.close();
    if (known !== undefined) {
      // Thousands of segments are no reason to hold up others.
      if (index % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    const builder = new IndexBuilder();
    const follower = options.log.follow(segment.firstSequence - 1);
    let lastHash = "";
    try {
      while (follower.after + 1 < next.firstSequence) {
        const lines = await follower.next({ lines: Math.min(256, next.firstSequence - 1 - follower.after) });
        if (lines === undefined || !wanted()) return made;
        for (const { line, hash } of lines) {
          const parsed = parseLine(line);
          if (parsed === undefined) throw new TypeError("a follower gave what is no event");
          builder.add(parsed.event, Buffer.byteLength(line, "utf8") + 1);
          lastHash = hash;
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      follower.cancel();
    }
    await builder.write(
      files,
      segment.path,
      { firstSequence: segment.firstSequence, lastSequence: next.firstSequence - 1, lastHash },
      macKey,
    );
    made += 1;
  }
  return made;
}
