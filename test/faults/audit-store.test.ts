/** The audit log in a database on a real server: killed, started again, verified offline, and not begun anew in files. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, startServer } from "../server.ts";
import { inspect } from "./inspected.ts";

const IN_FLIGHT = 16;

test("with the log in a database, kill -9 of everything under load loses no acknowledged event, and files are refused afterwards", async () => {
  const dataDir = join(newFolder(), "data");
  const flags = ["--audit-store", "sqlite"];
  const acknowledged = new Set<string>();
  let number = 0;
  for (let round = 1; round <= 3; round += 1) {
    const server = await startServer({ dataDir, flags });
    if (round === 1) assert.equal((await server.rest("POST", "/api/v1/keys", { key_id: "k", algorithm: "Ed25519" })).status, 201);
    const target = acknowledged.size + 60 * round;
    const data = Buffer.from("data").toString("base64");
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, async () => {
        for (;;) {
          const id = `store-${++number}`;
          // A rotation is a change: its line comes through the store's transaction.
          const [path, body] = number % 8 === 0 ? (["rotate", {}] as const) : (["sign", { data }] as const);
          try {
            const reply = await server.rest("POST", `/api/v1/keys/k/${path}`, body, { "x-request-id": id });
            if (reply.status === 200) acknowledged.add(id);
          } catch {
            return;
          }
          if (acknowledged.size >= target) server.kill("all");
        }
      }),
    );
    await server.ended;
    assert.ok(readdirSync(dataDir).includes("audit.db"));
    assert.deepEqual(
      readdirSync(dataDir).filter((name) => /^audit\.\d/.test(name)),
      [],
    );
  }
  const server = await startServer({ dataDir, flags });
  const logged = new Map<string, number>();
  for (let page = ""; ;) {
    const { status, body } = await server.rest("GET", `/api/v1/audit?page_size=500&page_token=${page}`);
    assert.equal(status, 200, JSON.stringify(body));
    for (const { request_id: id } of body.events as { request_id: string }[]) logged.set(id, (logged.get(id) ?? 0) + 1);
    page = body.next_page_token ?? "";
    if (page === "") break;
  }
  for (const id of acknowledged) assert.equal(logged.get(id), 1, id);
  const running = await inspect("audit", dataDir);
  assert.deepEqual([running.status, running.verified], [0, true], running.problems.join());
  assert.equal(await server.stop(), 0);
  for (const what of ["audit", "store"] as const) {
    const { status, verified, macs_checked, events, problems } = await inspect(what, dataDir);
    assert.deepEqual({ status, verified, macs_checked, problems }, { status: 0, verified: true, macs_checked: true, problems: [] });
    assert.ok(events >= acknowledged.size);
  }
  await assert.rejects(startServer({ dataDir }), /audit\.store is files, but the audit log is in .*audit\.db: write audit\.store: sqlite/);
});
