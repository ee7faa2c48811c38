/** The archive of the audit log on a real server: moved, read through, and verified with it and without. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { operationByName } from "@keystead/contract/operations/register";
import { ROOT, newFolder, serve } from "./running-server.ts";
import { ask, hangUp } from "./surfaces.ts";

const row = (name: string) => operationByName(name) as NonNullable<ReturnType<typeof operationByName>>;

test("old segments are moved to the archive, searched there, and proven with it and without it", async () => {
  const archive = join(newFolder(), "archive");
  const config = { audit: { archive_path: archive, archive_after_days: 0, segment_seconds: 1 } };
  const folder = newFolder();
  const run = async (): Promise<Awaited<ReturnType<typeof serve>>> => serve({ folder, config });
  let server = await run();
  const door = () => ({
    origin: server.api,
    ca: server.credential("ca.pem"),
    cert: server.credential("admin.pem"),
    key: server.credential("admin-key.pem"),
  });
  const given = async (name: string, request: object) => {
    const answer = await ask("gRPC", door(), row(name), request as never);
    assert.ok(answer.ok, `${name}: ${answer.code} ${answer.detail}`);
    return answer.reply;
  };
  await given("GenerateKey", { keyId: "early", algorithm: Algorithm.Ed25519 });
  // A segment of one second has ended when an event comes later; the next look is within ten.
  const moved = server.record(({ message }) => message === "segments of the audit log were moved to the archive");
  let done = false;
  const whole = moved.then(() => (done = true));
  while (!done) {
    await given("Sign", { keyId: "early", data: Buffer.from("x") });
    await Promise.race([whole, new Promise((resolve) => setTimeout(resolve, 200))]);
  }
  assert.ok(readdirSync(archive).includes("audit.0000000000000001.zst"), readdirSync(archive).join());
  const { events } = await given("GetAuditLog", { keyId: "early", action: "GenerateKey" });
  assert.equal(events.length, 1);
  hangUp();
  assert.equal(await server.stop(), 0);
  const verify = (...more: string[]): { events: number; events_not_read: number; verified: boolean } => {
    try {
      return JSON.parse(
        execFileSync(process.execPath, [join(ROOT, "keystead.cjs"), "audit", "verify", "--data-dir", server.data, "--json", ...more], {
          stdio: ["ignore", "pipe", "pipe"],
        }).toString(),
      );
    } catch (error) {
      throw new Error((error as { stdout?: Buffer }).stdout?.toString() ?? String(error), { cause: error });
    }
  };
  const [withIt, without] = [verify("--archive", archive), verify()];
  assert.deepEqual([withIt.verified, withIt.events_not_read], [true, 0]);
  assert.equal(without.verified, true);
  assert.ok(without.events_not_read > 0);
  assert.equal(withIt.events, without.events);
  server = await run();
  await server.record(({ message }) => message === "log and store verified");
  hangUp();
  assert.equal(await server.stop(), 0);
});
