/**
 * For tests that kill it: appends to a log in a database until it ends, and says the number of each event that it was promised.
 *
 *     node append-for-ever.ts PATH KEY_IN_HEX
 */
import { createSecretKey } from "node:crypto";
import { writeSync } from "node:fs";
import { memoryStore } from "../../stores/memory.ts";
import { openLogFiles } from "../log-place.ts";
import { AuditLog } from "../log.ts";
import { recoverLog } from "../recover.ts";
import { sampleEvent } from "./sample-event.ts";

const [path = "", key = ""] = process.argv.slice(2);
const files = openLogFiles("sqlite", path);
const store = memoryStore();
const macKey = createSecretKey(Buffer.from(key, "hex"));
const options = { files, path, store, macKey };
const log = new AuditLog(recoverLog(options), { ...options, syncMode: "full", segmentBytes: 30_000 });
for (;;) {
  const receipts = await Promise.all(
    Array.from({ length: 3 }, (_, index) => log.append(sampleEvent(`r${index}`, { principal: "jwt:i:s", time: new Date().toISOString() }))),
  );
  for (const { sequence } of receipts) writeSync(1, `${sequence}\n`);
}
