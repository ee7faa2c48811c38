/** The policy scripts that docs/operate/policy-scripts.md offers, run as they stand there. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import wabtInit from "wabt";
import { decodeDecideAnswer, decodePrepareAnswer, encodeDecide, encodePrepare, SCRIPT_CALL } from "@keystead/channel/script-call";
import { answerer } from "../../server/scripts/answer.ts";
import { ROOT } from "../server.ts";

const FOLDER = join(ROOT, "docs/operate/policy-scripts");
const wabt = await wabtInit();

/** Runs an example with contexts, in the process of this test. */
function asked(file: string): (context: object) => string {
  const text = readFileSync(join(FOLDER, file), "utf8");
  const engine = file.endsWith(".lua") ? "lua" : "wasm";
  const source = engine === "lua" ? Buffer.from(text) : Buffer.from(wabt.parseWat(file, text).toBinary({}).buffer);
  const answer = answerer();
  const call = (operation: number, payload: Buffer): Buffer => answer({ operation, payload, deadline: Infinity, cancelled: false });
  assert.deepEqual(decodePrepareAnswer(call(SCRIPT_CALL.prepare, encodePrepare({ script: file, engine, limits: "strict", source }))), {
    ready: true,
  });
  return (context) => {
    const said = decodeDecideAnswer(
      call(SCRIPT_CALL.decide, encodeDecide({ script: file, context: Buffer.from(JSON.stringify(context)) })),
    );
    assert.ok("decision" in said, JSON.stringify(said));
    return said.decision;
  };
}

/** What each example says of which context. An example without a row fails. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [object, string])[]>> = {
  "office-hours.lua": [
    [{ environment: { weekday: 5, hour: 8 } }, "allow"],
    [{ environment: { weekday: 5, hour: 17 } }, "allow"],
    [{ environment: { weekday: 5, hour: 18 } }, "require-approval"],
    [{ environment: { weekday: 5, hour: 7 } }, "require-approval"],
    [{ environment: { weekday: 5, hour: 3 } }, "deny"],
    [{ environment: { weekday: 6, hour: 10 } }, "deny"],
  ],
  "office-hours.wat": [
    [{ environment: { weekday: 5, hour: 8, minute: 1 } }, "allow"],
    [{ environment: { hour: 17 } }, "allow"],
    [{ environment: { hour: 18 } }, "deny"],
    [{ environment: { hour: 0 } }, "deny"],
    [{ principal: { id: '"hour":9' }, environment: { hour: 3 }, payload: { json: { hour: 9 } } }, "deny"],
    [{ operation: "Sign" }, "deny"],
    [{}, "deny"],
  ],
  "geofence.lua": [
    [{ environment: { address: "192.0.2.200" } }, "allow"],
    [{ environment: { address: "::ffff:198.51.103.1" } }, "allow"],
    [{ environment: { address: "198.51.104.1" } }, "deny"],
    [{ environment: { address: "203.0.113.1" } }, "deny"],
    [{ environment: { address: "2001:db8::1" } }, "deny"],
    [{ environment: { address: "" } }, "deny"],
  ],
  "amount.lua": [
    [{ payload: { json: { amount: 1000 } } }, "allow"],
    [{ payload: { json: { amount: 1001 } } }, "require-approval"],
    [{ payload: { json: { amount: 100_001 } } }, "deny"],
    [{ payload: { json: { amount: -1 } } }, "deny"],
    [{ payload: { json: { amount: 1.5 } } }, "deny"],
    [{ payload: { json: { amount: "5" } } }, "deny"],
    [{ payload: { text: "5" } }, "deny"],
  ],
};

test("every example has a row here, and every row an example", () => {
  assert.deepEqual(
    globSync("*", { cwd: FOLDER })
      .map((file) => basename(file))
      .sort(),
    Object.keys(EXAMPLES).sort(),
  );
});

for (const [file, rows] of Object.entries(EXAMPLES))
  test(`${file} decides as it says`, () => {
    const ask = asked(file);
    for (const [context, decision] of rows) assert.equal(ask(context), decision, JSON.stringify(context));
  });
