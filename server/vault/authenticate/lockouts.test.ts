/** Failed attempts at names that nobody has: counted like others, waiting for no stranger, and bounded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createUser } from "@keystead/contract/operations/create-user";
import { login } from "@keystead/contract/operations/login";
import { ClockedVault } from "../testing/clocked-vault.ts";

const RULES = { maxAttempts: 5, lockoutMs: 300_000 };
const counted = (vault: ClockedVault): string[] => vault.vault.documents.list("lockout").map(({ id }) => id);

test("attempts at unknown names are counted in many places, and never in more than so many", async () => {
  const vault = await ClockedVault.open();
  const { lockouts } = vault.identity;
  await Promise.all(Array.from({ length: 200 }, (_, n) => lockouts.failed(`stranger-${n}`, false)));
  const places = counted(vault);
  assert.ok(places.length > 100, `${places.length} places`);
  for (const id of places) assert.ok(/^_nobody-\d+$/.test(id) && Number(id.slice("_nobody-".length)) < 1024, id);
  assert.equal(lockouts.isLocked("stranger-0"), false);
  await Promise.all(Array.from({ length: 20 }, () => lockouts.failed("stranger-0", false)));
  assert.deepEqual(counted(vault).sort(), places.sort());
});

test("an attempt at an unknown name waits for no attempt at another name, known or not, only for those at its own", async () => {
  const vault = await ClockedVault.open();
  const { lockouts } = vault.identity;
  const { documents } = vault.vault;
  await lockouts.failed("first", false);
  const [place = ""] = counted(vault);
  // Names that share no place with it, nor with each other.
  const others: string[] = [];
  for (let n = 0; others.length < 8; n++) {
    const before = counted(vault).length;
    await lockouts.failed(`other-${n}`, false);
    if (counted(vault).length > before) others.push(`other-${n}`);
  }
  // What is under way for the first name is not durable yet.
  const held = await documents.change([{ kind: "lockout", id: place }], () => []);
  let again = false;
  const waiting = lockouts.failed("first", false).then(() => (again = true));
  const done = await Promise.all(others.map((name) => Promise.race([lockouts.failed(name, false).then(() => true), waiting])));
  assert.deepEqual([done.every(Boolean), again], [true, false]);
  held.settle(true);
  await waiting;
});

test("where a name is counted changes with every start, so that nobody finds two names that share a place", async () => {
  const vault = await ClockedVault.open();
  const placesOf = async (): Promise<string[]> => {
    const { Lockouts } = await import("./lockouts.ts");
    const written: string[] = [];
    const documents = {
      get: () => undefined,
      record: (_: string, [about]: { id: string }[]) => Promise.resolve(void written.push(about?.id ?? "")),
    };
    const lockouts = new Lockouts(documents as never, RULES, () => vault.now);
    for (const name of ["a", "b", "c", "d"]) await lockouts.failed(name, false);
    return written;
  };
  assert.notDeepEqual(await placesOf(), await placesOf());
});

test("a wrong password and an unknown name have the same answer and leave the same kind of trace", async () => {
  const vault = await ClockedVault.open();
  await vault.ask(createUser, { name: "anna", roles: ["KeyUser"], namespaces: ["default"], password: Buffer.from("right horse battery") });
  const traces: unknown[] = [];
  for (const name of ["anna", "nobody-at-all"]) {
    const before = (await vault.events()).length;
    const answer = await vault.over(login, { name, password: Buffer.from("wrong") }).then(
      () => "in",
      ({ code, message }: { code: string; message: string }) => `${code} ${message}`,
    );
    const events = (await vault.events()).slice(before);
    traces.push([answer, events.map(({ action, outcome, records }) => [action, outcome, records?.length])]);
  }
  assert.deepEqual(traces[0], traces[1]);
});
