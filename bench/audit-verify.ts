/**
 * Verification of the audit log: events per second of one core, by processor time, as `keystead audit verify` looks at
 * them: form, chain, MAC, tree, and a signed checkpoint after every thousand. The log lies in memory; disks are not measured.
 */
import { fork } from "node:child_process";
import { createHash, createSecretKey, generateKeyPairSync, hash, randomBytes } from "node:crypto";
import { checkpointText } from "@keystead/crypto/public/tlog/checkpoint";
import { Frontier } from "@keystead/crypto/public/tlog/frontier";
import { NOTE_ED25519, signNote, verifierKey } from "@keystead/crypto/public/tlog/note";
import { PreparedHmac } from "@keystead/crypto/prepared-hmac";
import { GENESIS, sealEvent } from "@keystead/vault/audit/event";
import { memoryFiles } from "@keystead/vault/audit/memory-files";
import { verifyLog } from "@keystead/vault/audit/verify";
import { median } from "./machine.ts";

const EVENTS = 60_000;
const CHECKPOINT_EVENTS = 1000;
const PATH = "/bench/audit";

/** Measures in a process of its own. @returns events per second of processor time */
export function measureVerification(rounds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ["verify", String(rounds)], { execArgv: [] });
    child.once("message", (perSecond) => resolve(perSecond as number));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the bench of verification ended with ${code}`)));
  });
}

async function measure(rounds: number): Promise<number> {
  const files = memoryFiles();
  const macKey = createSecretKey(randomBytes(32));
  const mac = new PreparedHmac(macKey);
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = verifierKey("bench", NOTE_ED25519, publicKey);
  const tree = new Frontier();
  const digest = createHash("sha512");
  const checkpoints: { size: number; note: string }[] = [];
  const file = files.open(`${PATH}.0000000000000001`, "append");
  const payload = randomBytes(32).toString("hex");
  let head = GENESIS;
  let position = 0;
  let previous: string | undefined;
  for (let sequence = 1; sequence <= EVENTS; sequence += 1) {
    // What Sign leaves; every twentieth changed a record.
    const sealed = sealEvent(
      {
        action: "Sign",
        address: "192.0.2.17",
        authentication: "certificate",
        decision: "allow",
        key: "bench-ed25519",
        namespace: "default",
        outcome: "OK",
        payload,
        principal: "cert:admin",
        ...(sequence % 20 === 0 ? { records: [{ digest: payload, name: `default/key/k-${sequence % 1000}/1` }] } : {}),
        request: "3f2a9c1e-m4x0abcd-1z9k",
        time: "2026-01-01T00:00:00.000Z",
        version: 1,
      },
      head,
      sequence,
      sequence,
      mac,
    );
    const line = Buffer.from(sealed.line);
    file.write(line, position);
    position += line.length;
    head = sealed.hash;
    tree.add(Buffer.from(head, "hex"));
    digest.update(line);
    if (sequence % CHECKPOINT_EVENTS !== 0) continue;
    const text = checkpointText({
      origin: key.name,
      size: sequence,
      root: tree.root(),
      extensions: [`segment 1 ${digest.copy().digest("hex")}`, ...(previous === undefined ? [] : [`previous ${previous}`])],
    });
    previous = hash("sha512", text, "hex");
    checkpoints.push({ size: sequence, note: signNote(text, key, privateKey) });
  }
  const rates: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const before = process.cpuUsage();
    const report = await verifyLog({ files, path: PATH, macKey, checkpoints, firstIsFirst: true, checkpointKey: publicKey });
    const { user, system } = process.cpuUsage(before);
    if (report.firstBad !== undefined || report.badCheckpoint !== undefined || report.checkpoints !== checkpoints.length)
      throw new Error("the bench's own log does not verify");
    // The first round warms.
    if (round > 0) rates.push((EVENTS * 1e6) / (user + system));
  }
  return median(rates);
}

if (process.argv[2] === "verify" && process.send !== undefined) {
  const perSecond = await measure(Number(process.argv[3]));
  process.send(perSecond, () => process.exit(0));
}
