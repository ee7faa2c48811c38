import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { encodeCall, LISTENER, type Evidence } from "@keystead/channel/call";
import type { RateLimitsConfig } from "@keystead/contract/config";
import type { HsmError } from "@keystead/contract/errors";
import { generateRandom } from "@keystead/contract/operations/generate-random";
import { SELF } from "@keystead/contract/operations/register";
import { ClockedVault } from "../testing/clocked-vault.ts";
import { RateLimits, UNLIMITED } from "./rate-limits.ts";

let requests = 0;

/** A request as the gateway sends it. */
const call = (evidence: Partial<Evidence>) => ({
  operation: generateRandom.number,
  deadline: Infinity,
  cancelled: false,
  payload: encodeCall(
    {
      listener: LISTENER.tls,
      address: "192.0.2.1",
      requestId: `r${++requests}`,
      trace: "",
      token: "",
      certificate: Buffer.alloc(0),
      ...evidence,
    },
    Buffer.from(toBinary(generateRandom.method.input, create(generateRandom.method.input, { sizeBytes: 8 }))),
  ),
});
const DEVELOPER = { listener: LISTENER.development };

/** A vault with these limits, and what it answers to requests from outside. */
async function limited(config: Partial<RateLimitsConfig>) {
  const vault = await ClockedVault.open();
  const clock = { ms: 0 };
  vault.limits = new RateLimits({ ...UNLIMITED, ...config }, () => clock.ms);
  await vault.reopen();
  const ask = async (evidence: Partial<Evidence>): Promise<unknown> => vault.monitor.answer(call(evidence) as never);
  const code = (evidence: Partial<Evidence>): Promise<string> => vault.codeOf(ask(evidence));
  const refusal = (evidence: Partial<Evidence>): Promise<HsmError> =>
    ask(evidence).then(
      () => assert.fail("was answered"),
      (error: HsmError) => error,
    );
  return { vault, clock, ask, code, refusal };
}

test("guesses are bounded by their address before anything is verified, and the wait is told", async () => {
  const { vault, clock, code, refusal } = await limited({ address: { perSecond: 0.5, burst: 3 } });
  const verified = (): number => vault.authenticator.counters.cacheMisses;
  for (let guess = 0; guess < 3; guess += 1) assert.equal(await code({ token: `guess.${guess}.x` }), "UNAUTHENTICATED");
  assert.equal(verified(), 3);
  const refused = await refusal({ token: "guess.4.x" });
  assert.deepEqual([refused.code, refused.retryAfterSeconds, refused.nothingDone], ["RATE_LIMITED", 2, true]);
  // Neither another guess nor none at all is another name.
  assert.equal(await code({}), "RATE_LIMITED");
  assert.equal(verified(), 3);
  assert.equal(await code({ address: "192.0.2.2" }), "UNAUTHENTICATED", "another address pays for itself");
  clock.ms += 2_000;
  assert.equal(await code({}), "UNAUTHENTICATED");
  assert.equal(await code({}), "RATE_LIMITED");
});

test("all addresses of an IPv6 network that one subscriber gets are one name", async () => {
  const { code } = await limited({ address: { perSecond: 1, burst: 2 } });
  const codes = [];
  for (let host = 1; host <= 4; host += 1) codes.push(await code({ address: `2001:db8:1:2::${host}` }));
  assert.deepEqual(codes, ["UNAUTHENTICATED", "UNAUTHENTICATED", "RATE_LIMITED", "RATE_LIMITED"]);
});

test("who is known pays under its own name, wherever it comes from, and its address does not", async () => {
  const { clock, code, refusal } = await limited({ principal: { perSecond: 10, burst: 2 }, address: { perSecond: 1, burst: 1 } });
  assert.equal(await code({ ...DEVELOPER, address: "192.0.2.1" }), "OK");
  assert.equal(await code({ ...DEVELOPER, address: "192.0.2.1" }), "OK");
  const refused = await refusal({ ...DEVELOPER, address: "192.0.2.99" });
  assert.deepEqual([refused.code, refused.retryAfterSeconds, refused.nothingDone], ["RATE_LIMITED", 1, true]);
  assert.equal(await code({ address: "192.0.2.1" }), "UNAUTHENTICATED", "the address had not paid yet");
  clock.ms += 100;
  assert.equal(await code(DEVELOPER), "OK");
});

test("of a flood the log has the first refusal of a run, with who it was, and the metrics have all", async () => {
  const { vault, clock, code } = await limited({ principal: { perSecond: 1, burst: 1 } });
  for (let times = 0; times < 50; times += 1) await code(DEVELOPER);
  clock.ms += 1000;
  for (let times = 0; times < 50; times += 1) await code(DEVELOPER);
  const events = await vault.events("GenerateRandom");
  assert.deepEqual(
    events.map(({ outcome, decision, principal }) => [outcome, decision, principal]),
    ["OK", "RATE_LIMITED", "OK", "RATE_LIMITED"].map((outcome) => [outcome, outcome === "OK" ? "allow" : "refuse", "developer"]),
  );
  assert.deepEqual(vault.limits.counters.principal, { allowed: 2, blocked: 98 });
});

test("ceremonies and the gateway's own questions are never counted", async () => {
  const { vault, code } = await limited({ principal: { perSecond: 1, burst: 1 }, address: { perSecond: 1, burst: 1 }, inFlightEach: 1 });
  await code(DEVELOPER);
  for (let times = 0; times < 5; times += 1) {
    await vault.ask(generateRandom, { sizeBytes: 8 });
    await vault.monitor.answer({ ...call({}), operation: SELF.health } as never);
  }
  assert.deepEqual(vault.limits.counters.principal, { allowed: 1, blocked: 0 });
  assert.deepEqual(vault.limits.counters.address, { allowed: 0, blocked: 0 });
});

test("one principal cannot take every place: beyond its share it is refused at once, and others are served", async () => {
  const { vault, ask, code, refusal } = await limited({ inFlightEach: 3 });
  const waiting: (() => void)[] = [];
  let held = 0;
  vault.gates.push(({ principal }) => {
    if (principal.id !== "developer") return undefined;
    held += 1;
    return new Promise((resolve) => waiting.push(() => resolve(undefined)));
  });
  const underWay = [ask(DEVELOPER), ask(DEVELOPER), ask(DEVELOPER)];
  while (held < 3) await new Promise((resolve) => setImmediate(resolve));
  const refused = await refusal(DEVELOPER);
  assert.deepEqual([refused.code, refused.retryAfterSeconds, refused.nothingDone], ["RATE_LIMITED", 1, true]);
  assert.equal(await code({ token: "some.body.else" }), "UNAUTHENTICATED");
  await vault.ask(generateRandom, { sizeBytes: 8 });
  for (const go of waiting.splice(0)) go();
  await Promise.all(underWay);
  vault.gates.length = 0;
  for (let times = 0; times < 10; times += 1) assert.equal(await code(DEVELOPER), "OK", "every place is given back");
  assert.deepEqual(
    vault.limits.active().find(([{ scope }]) => scope === "in_flight"),
    [{ scope: "in_flight" }, 0],
  );
});

test("a place is given back by what fails, too", async () => {
  const { code } = await limited({ inFlightEach: 1 });
  for (let times = 0; times < 3; times += 1) {
    assert.equal(await code({ token: "a.b.c" }), "UNAUTHENTICATED");
    assert.equal(await code({ ...DEVELOPER, requestId: "" }), "OK");
  }
});

test("without limits nothing is counted and nothing is refused", async () => {
  const { vault, code } = await limited({});
  for (let times = 0; times < 300; times += 1) assert.equal(await code(DEVELOPER), "OK");
  assert.deepEqual(vault.limits.counters.principal, { allowed: 0, blocked: 0 });
});
