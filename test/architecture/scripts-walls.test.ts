import assert from "node:assert/strict";
import { before, test } from "node:test";
import { USERS } from "../../server/launcher/users.ts";
import { scriptsFlags } from "../../server/launcher/walls.ts";
import { AS_ROOT, REFUSED, runProbe } from "./run-probe.ts";

let said: Readonly<Record<string, string>>;
let arrived = 0;

before(async () => {
  ({ said, arrived } = await runProbe("scripts", (root) => scriptsFlags(root), USERS.scripts));
});

/** Narrower walls refuse earlier: this process may not even look for a package of another name. */
const HERE: typeof REFUSED = { ...REFUSED, "internal modules": "ERR_ACCESS_DENIED" };

for (const [name, wanted] of Object.entries(HERE))
  test(`from inside the walls around scripts: ${name} is refused`, () =>
    typeof wanted === "string" ? assert.equal(said[name], wanted) : assert.match(said[name] as string, wanted));

test("the process that runs scripts has no folder: what the vault may read and write, it may not", () => {
  const controls = Object.keys(said).filter((name) => name.startsWith("control: "));
  assert.ok(controls.length >= 2);
  for (const name of controls) assert.equal(said[name], "ERR_ACCESS_DENIED", name);
});

test("nothing that it sent arrived anywhere, and it runs as its own user when the launcher is root", () => {
  assert.equal(arrived, 0);
  if (AS_ROOT) assert.equal(said["uid"], String(USERS.scripts.uid));
});
