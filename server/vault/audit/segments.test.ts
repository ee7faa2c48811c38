import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { memoryStore } from "../stores/memory.ts";
import { systemFiles } from "./file-layer.ts";
import { readLines } from "./segments.ts";
import { event, folder, open } from "./testing/opened-log.ts";

test("reading a full segment is linear in its size", async (t) => {
  const path = join(folder(t), "audit.log");
  const { log } = open(systemFiles, memoryStore(), { path, syncMode: "none" });
  const timed = async (events: number): Promise<number> => {
    await Promise.all(Array.from({ length: events }, (_, index) => log.append(event(String(index)))));
    const file = systemFiles.open(join(path, "..", readdirSync(join(path, ".."))[0] as string), "read");
    const started = process.cpuUsage();
    let count = 0;
    for (const { end } of readLines(file)) if (end !== -1) count += 1;
    const { user, system } = process.cpuUsage(started);
    file.close();
    return (user + system) / count;
  };
  await timed(2000);
  const few = await timed(2000);
  const many = await timed(24_000);
  await log.close();
  assert.ok(many < few * 6 + 5, `${few.toFixed(1)} us a line in a small file, ${many.toFixed(1)} us in a large one`);
});
