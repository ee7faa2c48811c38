/** The operations about sinks: who may have which, what is refused, and that a secret is shown once. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { createNamespace } from "@keystead/contract/operations/create-namespace";
import { createSink } from "@keystead/contract/operations/create-sink";
import { deleteSink } from "@keystead/contract/operations/delete-sink";
import { getSink } from "@keystead/contract/operations/get-sink";
import { listDeliveries } from "@keystead/contract/operations/list-deliveries";
import { listSinks } from "@keystead/contract/operations/list-sinks";
import { redeliverDelivery } from "@keystead/contract/operations/redeliver-delivery";
import { rotateSinkSecret } from "@keystead/contract/operations/rotate-sink-secret";
import { setPolicy } from "@keystead/contract/operations/set-policy";
import { testSink } from "@keystead/contract/operations/test-sink";
import { updateSink } from "@keystead/contract/operations/update-sink";
import type { CreateSinkRequestSchema } from "@keystead/contract/generated/hsm/sinks_pb";
import type { DeliveryLine, Openable } from "../sinks/delivery-line.ts";
import { Sinks } from "../sinks/sinks.ts";
import { StandingFiles } from "../sinks/standing.ts";
import { ClockedVault, type Caller } from "../testing/clocked-vault.ts";

const TENANT: Caller = { roles: ["NamespaceAdmin"], namespaces: ["tenant"], id: "token:tenant" };
const HOOK = { webhook: { url: "https://x.example/" } };
type Wanted = Omit<MessageInitShape<typeof CreateSinkRequestSchema>, "$typeName" | "$unknown">;
const wanted = (more: Wanted = {}): Wanted => ({ name: "s", target: HOOK, disabled: true, ...more });

async function vaultWithSinks(t: TestContext) {
  const vault = new ClockedVault();
  const opened: Openable[] = [];
  const line: Pick<DeliveryLine, "deliver" | "check" | "close" | "onJoin"> = {
    deliver: async (sink, lines) => {
      opened.push(sink);
      return { delivered: lines.length };
    },
    check: async () => undefined,
    close: () => undefined,
    onJoin: () => undefined,
  };
  let sinks: Sinks | undefined;
  vault.sinks = ({ documents, log, hierarchy }) =>
    (sinks = new Sinks({
      documents,
      auditLog: log,
      standings: new StandingFiles({ files: vault.files, folder: "/data", macKey: hierarchy.auditMacKey }),
      line: line as DeliveryLine,
      log: vault.log,
      firstKept: (from) => from,
      onDamage: () => undefined,
      source: "urn:keystead:test",
      now: () => vault.now,
    }));
  await ClockedVault.begin(vault);
  for (const namespace of ["tenant", "other"]) await vault.ask(createNamespace, { namespace });
  t.after(() => sinks?.close());
  return { vault, opened };
}

test("a namespace's administrator has sinks of that namespace, and learns nothing of any other", async (t) => {
  const { vault } = await vaultWithSinks(t);
  const whole = (await vault.ask(createSink, wanted())).sink?.sinkId ?? "";
  const foreign = (await vault.ask(createSink, wanted({ namespace: "other" }))).sink?.sinkId ?? "";
  const own = (await vault.askFrom(TENANT, createSink, wanted({ namespace: "tenant" }))).sink?.sinkId ?? "";
  const refused = async (promise: Promise<unknown>, code: string): Promise<void> => assert.equal(await vault.codeOf(promise), code);
  await refused(vault.askFrom(TENANT, createSink, wanted()), "PERMISSION_DENIED");
  await refused(vault.askFrom(TENANT, createSink, wanted({ namespace: "other" })), "PERMISSION_DENIED");
  const named = [getSink, updateSink, deleteSink, testSink, listDeliveries, rotateSinkSecret] as const;
  for (const operation of named) {
    await refused(vault.askFrom(TENANT, operation as unknown as typeof getSink, { sinkId: whole }), "PERMISSION_DENIED");
    await refused(
      vault.askFrom(TENANT, operation as unknown as typeof getSink, { namespace: "other", sinkId: foreign }),
      "PERMISSION_DENIED",
    );
    for (const sinkId of [whole, foreign, "sink-0000000000000000"])
      await refused(vault.askFrom(TENANT, operation as unknown as typeof getSink, { namespace: "tenant", sinkId }), "OBJECT_NOT_FOUND");
  }
  await refused(vault.askFrom(TENANT, redeliverDelivery, { namespace: "tenant", sinkId: own, sequence: 1n }), "OBJECT_NOT_FOUND");
  const listed = async (caller: Caller, namespace = ""): Promise<string[]> =>
    (await vault.askFrom(caller, listSinks, { namespace })).sinks.map(({ sinkId }) => sinkId).sort();
  assert.deepEqual(await listed(TENANT), [own]);
  assert.deepEqual(await listed(TENANT, "tenant"), [own]);
  assert.deepEqual(await listed({}), [whole, foreign, own].sort());
  assert.deepEqual(await listed({}, "other"), [foreign]);
  assert.equal((await vault.askFrom(TENANT, testSink, { namespace: "tenant", sinkId: own })).delivery?.outcome, "delivered");
});

test("whoever is kept out of one namespace has no sink of them all", async (t) => {
  const { vault } = await vaultWithSinks(t);
  const document = { format: 1, denials: [{ id: "not-other", members: ["*"], permissions: ["audit:view"], namespaces: ["other"] }] };
  assert.equal(await vault.codeOf(vault.ask(setPolicy, { document: JSON.stringify(document) })), "OK");
  assert.equal(await vault.codeOf(vault.askFrom({}, createSink, wanted())), "PERMISSION_DENIED");
  assert.equal(await vault.codeOf(vault.askFrom({}, createSink, wanted({ namespace: "tenant" }))), "OK");
});

test("making a sink needs the reading of the log, and looking at one is not changing it", async (t) => {
  const { vault } = await vaultWithSinks(t);
  const { sink } = await vault.ask(createSink, wanted());
  const sinkId = sink?.sinkId ?? "";
  const auditor: Caller = { roles: ["Auditor"] };
  assert.equal((await vault.askFrom(auditor, getSink, { sinkId })).sink?.sinkId, sinkId);
  for (const operation of [updateSink, deleteSink, testSink, rotateSinkSecret])
    assert.equal(await vault.codeOf(vault.askFrom(auditor, operation as unknown as typeof getSink, { sinkId })), "PERMISSION_DENIED");
  assert.equal(await vault.codeOf(vault.askFrom({ roles: ["Operator"] }, createSink, wanted())), "PERMISSION_DENIED");
});

test("a secret that the vault makes is shown once, one that is given never, and neither is in anything else", async (t) => {
  const { vault, opened } = await vaultWithSinks(t);
  const made = await vault.ask(createSink, wanted());
  const text = Buffer.from(made.secret).toString();
  assert.match(text, /^whsec_[A-Za-z0-9+/]{43}=$/);
  const sinkId = made.sink?.sinkId ?? "";
  const secretsNow = async (): Promise<string[]> => {
    await vault.ask(testSink, { sinkId });
    return (await (opened.at(-1) as Openable).secrets()).map((secret) => Buffer.from(secret).toString("base64"));
  };
  assert.deepEqual(await secretsNow(), [text.slice("whsec_".length)]);
  const given = Buffer.from(`whsec_${Buffer.alloc(24, 9).toString("base64")}`);
  assert.equal((await vault.ask(rotateSinkSecret, { sinkId, secret: given, overlapSeconds: 60 })).secret.length, 0);
  assert.deepEqual(await secretsNow(), [Buffer.alloc(24, 9).toString("base64"), text.slice("whsec_".length)]);
  const plain = Buffer.from("sixteen bytes or so");
  assert.equal((await vault.ask(rotateSinkSecret, { sinkId, secret: plain })).secret.length, 0);
  assert.deepEqual(await secretsNow(), [Buffer.from("sixteen bytes or so").toString("base64")]);
  const shown = JSON.stringify([await vault.ask(getSink, { sinkId }), await vault.ask(listSinks, {}), vault.lines], (_, value) =>
    typeof value === "bigint" ? String(value) : (value as unknown),
  );
  for (const secret of [text.slice(6, 20), given.toString().slice(6, 20), "sixteen"]) assert.ok(!shown.includes(secret), secret);
  for (const secret of [Buffer.from("short"), Buffer.from("whsec_!!!!!!!!!!!!!!!!!!!!!!!!"), Buffer.from("whsec_AAAA")])
    assert.equal(await vault.codeOf(vault.ask(createSink, wanted({ secret }))), "INVALID_REQUEST", secret.toString());
});

test("what cannot be meant is refused by name", async (t) => {
  const { vault } = await vaultWithSinks(t);
  const refused = async (more: Wanted, detail: RegExp): Promise<void> => {
    await assert.rejects(
      vault.ask(createSink, wanted(more)),
      (error: { code: string; detail: string }) => error.code === "INVALID_REQUEST" && detail.test(error.detail),
    );
  };
  await refused({ target: {} }, /exactly one/);
  await refused({ target: { ...HOOK, file: { file: "a.log" } } }, /exactly one/);
  await refused({ filter: { includeEvents: ["key.crated"] } }, /key\.crated/);
  await refused({ filter: { preset: "everything" } }, /preset/);
  await refused({ namespace: "tenant", filter: { includeNamespaces: ["other"] } }, /other/);
  await refused({ namespace: "tenant", target: { file: { file: "a.log" } } }, /server/);
  await refused({ target: { file: { file: "a.log" } }, secret: Buffer.alloc(32) }, /none/);
  await refused({ target: { file: { file: "../a.log" } } }, /file/);
  assert.equal(await vault.codeOf(vault.ask(createSink, wanted({ namespace: "nobodys" }))), "OBJECT_NOT_FOUND");
});
