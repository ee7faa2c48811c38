/** token and objects against stand-ins for the client: what is asked, what is printed, and that PINs are no words of a line. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { newFolder, runIn } from "./recording-shell.ts";

const PIN = { initialized: true, countLow: false, finalTry: false, locked: false };
const TOKEN = {
  name: "pay",
  label: "Payments",
  namespace: "payments",
  tags: ["pay"],
  algorithms: ["Ed25519"],
  serialNumber: "0123456789abcdef",
  soPin: PIN,
  userPin: { ...PIN, initialized: false },
  minPinLength: 8,
  maxPinLength: 1024,
  createdAt: new Date(0),
};
const TOKENS = { accessToken: "token", refreshToken: "r", sessionId: "s", mustChangePassword: false };
const OBJECT = {
  objectId: "obj-0123",
  namespace: "default",
  objectClass: "certificate",
  label: "web",
  id: Buffer.from("0a1b", "hex"),
  trusted: false,
  private: false,
  application: "",
  tags: [],
  value: Buffer.from("value"),
  valueBytes: 5,
  createdAt: new Date(0),
};

/** Runs a line whose PINs are in files; what is asked is copied at once, because commands wipe what they sent. */
async function run(answers: Readonly<Record<string, unknown>>, ...line: readonly string[]) {
  const cwd = newFolder();
  for (const name of ["so", "user", "new"]) writeFileSync(join(cwd, `${name}.pin`), `the ${name} pin\n`);
  const asked: [string, Record<string, unknown>][] = [];
  const client = Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [
      name,
      async (request: Record<string, unknown> = {}) => {
        const copied = Object.entries(request).map(([member, value]) => [member, value instanceof Buffer ? value.toString() : value]);
        asked.push([name, Object.fromEntries(copied) as Record<string, unknown>]);
        return answer;
      },
    ]),
  );
  const { out, err, exit } = await runIn({ client: client as never, cwd }, ...line);
  return { asked, out: out.toString(), err, exit };
}

test("token init makes a token with the PINs of its files, and tells what the server says of them", async () => {
  const warned = { token: TOKEN, warnings: ["a PIN of fewer than 8 characters is accepted in development alone"] };
  const line = ["token", "init", "--label", "Payments", "--name", "pay", "--tag", "pay", "--algorithm", "Ed25519"];
  const { asked, out, err, exit } = await run({ createToken: warned }, ...line, "--so-pin", "file:so.pin", "--pin", "file:user.pin");
  assert.equal(exit, 0);
  const request = { label: "Payments", name: "pay", tags: ["pay"], algorithms: ["Ed25519"], soPin: "the so pin", userPin: "the user pin" };
  assert.deepEqual(asked, [["createToken", request]]);
  assert.match(out, /serial number +0123456789abcdef\n/);
  assert.match(out, /user PIN +not set\n/);
  assert.match(err, /warning: a PIN of fewer than 8 characters/);
  assert.ok(!`${out}${err}`.includes("the so pin"));
});

test("token init --again, init-pin and set-pin log in by the PIN, do their one thing and log out", async () => {
  const session = { loginToken: { tokens: TOKENS, token: TOKEN }, logout: "s" };
  for (const [line, operation, role, request] of [
    [["init", "--again", "--name", "pay", "--label", "New", "--so-pin", "file:so.pin"], "initToken", "so", { label: "New" }],
    [["init-pin", "pay", "--so-pin", "file:so.pin", "--pin", "file:user.pin"], "initTokenPin", "so", { pin: "the user pin" }],
    [
      ["set-pin", "pay", "--pin", "file:user.pin", "--new-pin", "file:new.pin"],
      "setTokenPin",
      "user",
      { oldPin: "the user pin", newPin: "the new pin" },
    ],
    [
      ["set-pin", "pay", "--so", "--pin", "file:so.pin", "--new-pin", "file:new.pin"],
      "setTokenPin",
      "so",
      { oldPin: "the so pin", newPin: "the new pin" },
    ],
  ] as const) {
    const answer = { name: "pay", label: "New", warnings: [] };
    const { asked, exit } = await run({ ...session, [operation]: answer }, "token", ...line);
    assert.equal(exit, 0, line.join(" "));
    const pin = role === "so" ? "the so pin" : "the user pin";
    assert.deepEqual(asked, [
      ["loginToken", { name: "pay", role, pin }],
      [operation, request],
      ["logout", {}],
    ]);
  }
});

test("without a terminal a PIN comes by reference or not at all", async () => {
  for (const line of [["init", "--label", "x"], ["init-pin", "pay"], ["set-pin", "pay"], ["login", "pay"], ["once"]]) {
    const { asked, exit, err } = await run({}, "token", ...line);
    assert.equal(exit, 2, line.join(" "));
    assert.match(err, /as file:PATH, env:NAME or fd:N/);
    assert.deepEqual(asked, []);
  }
});

test("token list and show-slots tell how each PIN stands; show-slots numbers tokens as the module does", async () => {
  const locked = { ...PIN, countLow: true, locked: true, lockedUntil: new Date(0) };
  const tokens = [TOKEN, { ...TOKEN, name: "web", userPin: locked }, { ...TOKEN, name: "last", userPin: { ...PIN, finalTry: true } }];
  const listed = await run({ listTokens: tokens }, "token", "list");
  assert.match(listed.out, /pay +Payments +0123456789abcdef +payments +tag pay, Ed25519 +not set\n/);
  assert.match(listed.out, /web .* locked until/);
  assert.match(listed.out, /last .* the next wrong one locks it/);
  const slots = await run({ listTokens: tokens }, "token", "show-slots");
  assert.match(slots.out, /slot +1\ntoken +pay\n[\s\S]*slot +2\ntoken +web\n[\s\S]*slot +3\ntoken +last\n/);
});

test("token once prints the token for one request, and objects tell what is stored", async () => {
  const answer = { accessToken: "header.payload.signature", expiresAt: new Date(0) };
  const once = await run({ reauthenticate: answer }, "token", "once", "--pin", "file:user.pin");
  assert.deepEqual([once.out, once.asked], ["header.payload.signature\n", [["reauthenticate", { secret: "the user pin" }]]]);
  const stored = await run({ storeObject: OBJECT }, "objects", "store", "data", "--in", "user.pin", "--label", "web", "--private");
  assert.deepEqual(stored.asked[0]?.[1]["private"], true);
  assert.match(stored.out, /object +obj-0123\n/);
  const pages = [
    { objects: [OBJECT], nextPageToken: "more" },
    { objects: [{ ...OBJECT, objectId: "obj-4567" }], nextPageToken: "" },
  ];
  const asked: unknown[] = [];
  const client = { findStoredObjects: async (request: unknown) => (asked.push(request), pages.shift()) };
  const { out } = await runIn({ client: client as never }, "objects", "list", "--class", "certificate", "--id", "0a1b");
  assert.equal(asked.length, 2);
  assert.match(out.toString(), /obj-0123 +certificate +web +0a1b +no +5\nobj-4567/);
  for (const line of [
    ["list", "--class", "key"],
    ["list", "--id", "xyz"],
    ["store", "key", "--in", "user.pin"],
    ["update", "obj-0123", "--trusted", "--distrusted"],
  ])
    assert.equal((await run({}, "objects", ...line)).exit, 2, line.join(" "));
});
