/**
 * `npm run bench`: what the server does, held against what one core can do.
 *
 *     npm run bench                    everything, under four minutes
 *     npm run bench -- --quick         everything in under a minute, for a first look
 *     npm run bench -- --only channel  one part: primitives, end-to-end, audit, channel, decisions, scripts, hostile-scripts, store
 *     npm run bench -- --only store --keys 10000,100000,1000000    many keys; ten minutes for a million
 *     npm run bench -- --only large-log --events 10000000      a large audit log; some minutes, and only when asked for
 *     npm run bench -- --only pkcs11 --keys 100000             the PKCS#11 module beside SoftHSM2; only when asked for
 *     npm run bench -- --only end-to-end --plan "rest, 64"    only rows whose name contains the words
 *
 * Prints tables with the ratio to the limit and the targets, and writes results/latest.json. The machine is noisy
 * (bursts in which a core has two thirds of its speed): everything is a median of several short windows, and ratios
 * are against a limit measured right beside each window. Exit status 0 whatever was measured.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { measureVerification } from "./audit-verify.ts";
import { measureAudit, type AuditRow } from "./audit.ts";
import { measureChannel, type ChannelRow } from "./channel.ts";
import { measureEndToEnd, type EndToEndRow } from "./end-to-end.ts";
import { measureLargeLog, type LargeLogRow } from "./large-log.ts";
import { describeMachine } from "./machine.ts";
import { measurePrimitives, type Primitive } from "./primitives.ts";
import { measureDecisions, type DecisionRow } from "./decisions.ts";
import { measureHostileScripts, type HostileRow } from "./hostile-scripts.ts";
import { measureScripts, type ScriptRow } from "./scripts.ts";
import { measurePkcs11, pkcs11Missing, type Pkcs11Row } from "./pkcs11.ts";
import { measureStore, type StoreRow } from "./store.ts";
import { count, table } from "./table.ts";

interface Target {
  readonly name: string;
  readonly measured: number;
  readonly unit: string;
  readonly wanted: string;
  readonly met: boolean;
}

/** No further rounds are begun after this. */
const MOST_MS = 200_000;
const QUICK_MS = 45_000;
const ROOT = resolve(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    plan: { type: "string", default: "" },
    rounds: { type: "string" },
    keys: { type: "string", default: "10000,30000" },
    events: { type: "string", default: "10000000" },
    set: { type: "string", multiple: true, default: [] },
  },
});
const quick = values.quick;
const wants = (part: string): boolean => values.only === "" || values.only === part;
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
};

const started = performance.now();
const machine = describeMachine(ROOT);
say(
  `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB · Node ${machine.node}, OpenSSL ${machine.openssl} · commit ${machine.commit} · ${machine.time}`,
);

const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
const primitives: Primitive[] = wants("primitives") ? measurePrimitives(quick ? 3 : 7, quick ? 60 : 150) : [];
const channel: ChannelRow[] = wants("channel") ? await measureChannel(rounds ?? (quick ? 3 : 5), quick ? 300 : 700) : [];
const audit: AuditRow[] = wants("audit") ? await measureAudit(rounds ?? (quick ? 3 : 5), quick ? 120 : 350) : [];
const verification = wants("audit") ? await measureVerification(quick ? 2 : 5) : undefined;
const decisions: DecisionRow | undefined = wants("decisions") ? measureDecisions(quick ? 20_000 : 200_000) : undefined;
const scripts: ScriptRow[] = wants("scripts") ? await measureScripts(ROOT, quick ? 500 : 3_000) : [];
const hostile: HostileRow | undefined = wants("hostile-scripts")
  ? await measureHostileScripts(ROOT, rounds ?? (quick ? 2 : 5), quick ? 700 : 2_000, progress)
  : undefined;
const endToEnd: EndToEndRow[] = wants("end-to-end")
  ? await measureEndToEnd(
      ROOT,
      {
        rounds: rounds ?? (quick ? 2 : 3),
        windowMs: quick ? 700 : 2_000,
        rampMs: quick ? 150 : 400,
        endMs: started + (quick ? QUICK_MS : MOST_MS),
        only: values.plan,
        flags: values.set.flatMap((pair) => ["--set", pair]),
      },
      progress,
    )
  : [];
// Only when asked for: it builds the module.
const missing = values.only === "pkcs11" ? pkcs11Missing() : undefined;
if (missing !== undefined) say(missing);
const pkcs11: Pkcs11Row[] =
  values.only === "pkcs11" && missing === undefined
    ? await measurePkcs11(
        ROOT,
        { rounds: rounds ?? (quick ? 1 : 3), seconds: quick ? 1 : 3, keys: Number(values.keys.split(",").at(-1)) },
        progress,
      )
    : [];
const store: StoreRow[] = wants("store") ? await measureStore((quick ? "500,5000" : values.keys).split(",").map(Number), progress) : [];
const largeLog: LargeLogRow | undefined = values.only === "large-log" ? await measureLargeLog(Number(values.events)) : undefined;
progress("");

const targets = judge();
report();
mkdirSync(join(import.meta.dirname, "results"), { recursive: true });
writeFileSync(
  join(import.meta.dirname, "results/latest.json"),
  `${JSON.stringify({ machine, quick, primitives, channel, audit, verification, decisions, scripts, hostile, endToEnd, store, pkcs11, largeLog, targets }, null, 2)}\n`,
);
say(`\n${((performance.now() - started) / 1000).toFixed(0)} s; bench/results/latest.json has the numbers.`);

function judge(): Target[] {
  const found: Target[] = [];
  const least = (name: string, measured: number | undefined, wanted: number, unit = "x"): void => {
    if (measured !== undefined) found.push({ name, measured, unit, wanted: `>= ${wanted}`, met: measured >= wanted });
  };
  const most = (name: string, measured: number | undefined, wanted: number, unit: string): void => {
    if (measured !== undefined) found.push({ name, measured, unit, wanted: `<= ${wanted}`, met: measured <= wanted });
  };
  const row = (words: string): EndToEndRow | undefined => endToEnd.find(({ name }) => name === words);
  const events = (name: string, waiters: number): number | undefined =>
    audit.find((candidate) => candidate.name === name && candidate.waiters === waiters)?.perSecond;
  const ratio = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : a / b;
  const best = [row("Sign Ed25519, grpc, 64 in flight")?.ratio, row("Sign Ed25519, connect, 64 in flight")?.ratio].filter(
    (value) => value !== undefined,
  );
  least("Sign Ed25519 over gRPC or Connect, 64 in flight, of the limit", best.length === 0 ? undefined : Math.max(...best), 0.55);
  least("Sign Ed25519 over REST, 64 in flight, of the limit", row("Sign Ed25519, rest, 64 in flight")?.ratio, 0.45);
  least("Sign Ed25519 in batches of 100, of the limit", endToEnd.find(({ name }) => name.startsWith("Batch of 100"))?.ratio, 1.3);
  most("p99 of Sign at 16 in flight (gRPC)", row("Sign Ed25519, grpc, 16 in flight")?.p99Ms, 5, "ms");
  most("p99 of Sign at 16 in flight (REST)", row("Sign Ed25519, rest, 16 in flight")?.p99Ms, 5, "ms");
  most(
    "p99 of Sign at 16 in flight while 64 RSA-2048 callers run",
    endToEnd.find(({ name }) => name.includes("RSA-2048 callers"))?.p99Ms,
    5,
    "ms",
  );
  least("Sign RSA-2048 PSS, 64 in flight, of its limit", row("Sign RSA-2048 PSS, grpc, 64 in flight")?.ratio, 1.6);
  least("Sign ML-DSA-65, 64 in flight, of its limit", row("Sign ML-DSA-65, grpc, 64 in flight")?.ratio, 1.5);
  least("Encrypt AES-256-GCM 1 MiB, 16 in flight, of its limit", row("Encrypt AES-256-GCM 1 MiB, grpc, 16 in flight")?.ratio, 0.5);
  least("GenerateKey Ed25519, 64 in flight, of its limit", row("GenerateKey Ed25519, grpc, 64 in flight")?.ratio, 0.3);
  most(
    "p99 of Sign at 16 in flight while 8 generate RSA-4096, of the idle one",
    ratio(row("Sign Ed25519, grpc, 16 in flight, while 8 generate RSA-4096")?.p99Ms, row("Sign Ed25519, grpc, 16 in flight")?.p99Ms),
    5,
    "x",
  );
  least(
    "audit full, 64 waiters, of a plain group-commit loop (O_DSYNC)",
    ratio(events("log, full", 64), events("plain loop, O_DSYNC", 64)),
    0.75,
  );
  least("audit full, 1024 waiters, of sync none", ratio(events("log, full", 1024), events("log, none", 1024)), 0.65);
  for (const waiters of [64, 1024])
    least(
      `audit full, ${waiters} waiters, of a plain append with one fdatasync for each batch`,
      ratio(events("log, full", waiters), events("plain loop, fdatasync", waiters)),
      0.8,
    );
  most(
    "processor time that an audit event costs, 64 waiters",
    audit.find(({ name, waiters }) => name === "log, full" && waiters === 64)?.cpuUs,
    10,
    "us",
  );
  most("a start with a large audit log, to its first event", largeLog?.startMs, 5000, "ms");
  most("a search by key in a large audit log, median", largeLog?.byKeyMs, 100, "ms");
  least("verification of the audit log, events per second of one core's time", verification, 120_000, "/s");
  most("channel round trip, 64 in flight, CPU of both sides", channel.find(({ inFlight }) => inFlight === 64)?.cpuUs, 4, "us");
  most("a decision among 1,000 principals, 200 bindings and 20 conditions", decisions?.averageUs, 20, "us");
  most("a decision of a WebAssembly policy, one at a time", scripts.find(({ name }) => name.endsWith(".wat"))?.aloneUs, 100, "us");
  most(
    "a decision of a WebAssembly policy, processor time of both sides, average",
    scripts.find(({ name }) => name.endsWith(".wat"))?.cpuUs,
    100,
    "us",
  );
  least("signing throughput of others while hostile policies are asked, of idle", hostile?.ratio, 0.8);
  for (const { name, side, medianUs, perSecond } of pkcs11.filter((candidate) => candidate.side !== "SoftHSM2")) {
    const soft = pkcs11.find((candidate) => candidate.name === name && candidate.side === "SoftHSM2");
    if (soft === undefined) most(`PKCS#11: ${name}, ${side}`, medianUs, 2_000, "us");
    else if (name.endsWith(" 1 threads")) most(`PKCS#11: ${name}, ${side}, above SoftHSM2`, medianUs - soft.medianUs, 250, "us");
    else least(`PKCS#11: ${name}, ${side}, of SoftHSM2`, perSecond / soft.perSecond, name.includes("rsa") ? 1 : 0.5);
  }
  const [fewest, most_] = [store.at(0), store.at(-1)];
  if (fewest !== undefined && most_ !== undefined && fewest !== most_) {
    const grown = `with ${count(most_.keys)} keys, of ${count(fewest.keys)}`;
    most(`opening and using a key ${grown}`, most_.useUs / fewest.useUs, 2, "x");
    most("finding a key by its label, with the most keys", most_.findUs, 2_000, "us");
    most("finding a key by the id that PKCS#11 shows, with the most keys", most_.findShownUs, 2_000, "us");
    most(`first page of a listing ${grown}`, most_.firstPageUs / fewest.firstPageUs, 2, "x");
  }
  return found;
}

function report(): void {
  if (primitives.length > 0)
    say(
      `\nThe limit: primitives in this process, one thread\n${table(
        ["", "op/s", "us"],
        primitives.map(({ name, perSecond }) => [name, count(perSecond), (1e6 / perSecond).toFixed(1)]),
      )}`,
    );
  if (channel.length > 0)
    say(
      `\nChannel: round trips between two processes, 100 B and 64 B\n${table(
        ["in flight", "per second", "CPU us, both sides"],
        channel.map(({ inFlight, perSecond, cpuUs }) => [String(inFlight), count(perSecond), cpuUs.toFixed(2)]),
      )}`,
    );
  if (audit.length > 0) {
    const plain = (waiters: number): number =>
      audit.find(({ name, waiters: of }) => name === "plain loop, O_DSYNC" && of === waiters)?.perSecond ?? Number.NaN;
    say(
      `\nAudit: events per second\n${table(
        ["", "waiters", "per second", "of plain O_DSYNC", "CPU us"],
        audit.map(({ name, waiters, perSecond, cpuUs }) => [
          name,
          String(waiters),
          count(perSecond),
          (perSecond / plain(waiters)).toFixed(2),
          cpuUs.toFixed(1),
        ]),
      )}`,
    );
  }
  if (verification !== undefined) say(`\nAudit: ${count(verification)} events verified per second of one core's time`);
  if (largeLog !== undefined)
    say(
      `\nA large audit log\n${table(
        ["events", "start ms", "by key ms", "worst", "newest by key ms", "by request ms", "index CPU us"],
        [
          [
            count(largeLog.events),
            largeLog.startMs.toFixed(0),
            ...[largeLog.byKeyMs, largeLog.byKeyWorstMs, largeLog.newestByKeyMs, largeLog.byRequestMs, largeLog.indexUs].map((figure) =>
              figure.toFixed(1),
            ),
          ],
        ],
      )}`,
    );
  if (decisions !== undefined)
    say(
      `\nDecisions: ${decisions.averageUs.toFixed(1)} us each, ${decisions.principals} principals, ${decisions.bindings} bindings, ${decisions.conditions} conditions`,
    );
  if (scripts.length > 0)
    say(
      `\nPolicy scripts: a decision with its context, asked over the pipe\n${table(
        ["", "one at a time us", "64 at once, each us", "CPU us, both sides", "fuel"],
        scripts.map(({ name, aloneUs, togetherUs, cpuUs, fuel }) => [
          name,
          ...[aloneUs, togetherUs, cpuUs].map((us) => us.toFixed(1)),
          count(fuel),
        ]),
      )}`,
    );
  if (hostile !== undefined)
    say(
      `\nHostile policies: Sign Ed25519 of others, grpc, 16 in flight\n${table(
        ["idle op/s", "hostile op/s", "ratio", "scripts, of a core", "hostile refused", "errors"],
        [
          [
            count(hostile.quiet),
            count(hostile.hostile),
            hostile.ratio.toFixed(2),
            hostile.scriptsShare.toFixed(3),
            count(hostile.refused),
            String(hostile.errors),
          ],
        ],
      )}`,
    );
  if (pkcs11.length > 0)
    say(
      `\nPKCS#11: one application, threads of it\n${table(
        ["", "", "median us", "p95 us", "per second"],
        pkcs11.map(({ name, side, medianUs, p95Us, perSecond }) => [name, side, medianUs.toFixed(0), p95Us.toFixed(0), count(perSecond)]),
      )}`,
    );
  if (store.length > 0)
    say(
      `\nStore: SQLite with many keys, nothing cached, medians\n${table(
        [
          "keys",
          "describe us",
          "use us",
          "first page us",
          "page in the middle us",
          "total us",
          "find us",
          "find shown us",
          "create us",
          "unseal s",
          "count s",
          "MiB on disk",
          "MiB resident",
        ],
        store.map((row) => [
          count(row.keys),
          ...[row.describeUs, row.useUs, row.firstPageUs, row.middlePageUs, row.totalUs, row.findUs, row.findShownUs, row.createUs].map(
            (us) => us.toFixed(1),
          ),
          row.unsealSeconds.toFixed(2),
          row.countSeconds.toFixed(2),
          row.databaseMiB.toFixed(0),
          row.residentMiB.toFixed(0),
        ]),
      )}`,
    );
  if (endToEnd.length > 0) {
    say(
      `\nEnd to end: TLS 1.3 with a client certificate, authorisation, audit full; gateway, vault and generator on the same cores\n${table(
        ["", "op/s", "of limit", "p50 ms", "p99 ms", "gateway us", "vault us", "generator us", "errors", "windows", "others"],
        endToEnd.map((row) => [
          row.name,
          count(row.perSecond),
          row.ratio.toFixed(2),
          row.p50Ms.toFixed(2),
          row.p99Ms.toFixed(2),
          row.gatewayUs.toFixed(1),
          row.vaultUs.toFixed(1),
          row.generatorUs.toFixed(1),
          String(row.errors),
          row.windows,
          `${(row.foreign * 100).toFixed(0)} %`,
        ]),
      )}`,
    );
  }
  if (targets.length > 0)
    say(
      `\nTargets\n${table(
        ["", "measured", "target", ""],
        targets.map(({ name, measured, unit, wanted, met }) => [
          name,
          `${measured.toFixed(2)} ${unit}`,
          `${wanted} ${unit}`,
          met ? "met" : "MISSED",
        ]),
      )}`,
    );
}
