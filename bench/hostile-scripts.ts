/**
 * What hostile policy scripts take from others: signatures per second on a real server, with and without callers whose keys
 * have a script that never ends, one that takes all memory, or one that lies about where its room is.
 *
 * Quiet and hostile windows take turns; a ratio is that of two neighbours, so that a slow minute of the machine hits both.
 */
import { createPublicKey } from "node:crypto";
import wabtInit from "wabt";
import { Generator } from "./generator.ts";
import { cpuSeconds, descendants, median } from "./machine.ts";
import { startServer } from "./server.ts";
import { useKeyRequest, verifyReply } from "./wire.ts";

export interface HostileRow {
  /** Signatures per second, medians. */
  readonly quiet: number;
  readonly hostile: number;
  /** Median of the ratios of neighbours. */
  readonly ratio: number;
  /** Share of one core that scripts used in hostile windows. */
  readonly scriptsShare: number;
  /** Answers to hostile callers in the hostile windows, all of them refusals. */
  readonly refused: number;
  readonly errors: number;
}

const OTHERS = 16;
/** Callers of each hostile script. */
const CALLERS = 2;
const DATA = Buffer.alloc(100, 0x61);
const SIGN = "/hsm.HsmService/Sign";

const HOSTILE: Readonly<Record<string, { readonly body: string; readonly more?: string }>> = {
  "endless-loop": { body: "(loop (br 0)) (i32.const 1)" },
  "memory-bomb": {
    body: `(loop (memory.fill (i32.shl (memory.grow (i32.const 1)) (i32.const 16)) (i32.const 1) (i32.const 65536)) (br 0)) (i32.const 1)`,
  },
  liar: { body: "(loop (br 0)) (i32.const 1)", more: `(func (export "alloc") (param i32) (result i32) (i32.const -9))` },
};

/** @param pairs of windows */
export async function measureHostileScripts(
  root: string,
  pairs: number,
  windowMs: number,
  progress: (text: string) => void,
): Promise<HostileRow> {
  const server = await startServer(root);
  const generator = new Generator();
  try {
    const wabt = await wabtInit();
    await server.call("POST", "/api/v1/keys", { key_id: "plain", algorithm: "Ed25519" });
    const publicKey = createPublicKey(String((await server.call("GET", "/api/v1/keys/plain/public-key"))["public_key"]));
    const { host, port, ca, cert, key } = server;
    const job = (keyId: string, inFlight: number, refused: boolean) =>
      ({ host, port, ca, cert, key, protocol: "grpc", path: SIGN, body: useKeyRequest(keyId, DATA), inFlight, refused }) as const;
    verifyReply(await generator.open("plain", job("plain", OTHERS, false)), { kind: "signature", publicKey, data: DATA });
    for (const [name, { body, more = "" }] of Object.entries(HOSTILE)) {
      const text = `(module (memory (export "memory") 1) ${more} (func (export "evaluate") (param i32 i32) (result i32) ${body}))`;
      const source = Buffer.from(wabt.parseWat(name, text).toBinary({}).buffer).toString("base64");
      await server.call("POST", "/api/v1/keys", { key_id: name, algorithm: "Ed25519" });
      await server.call("POST", "/api/v1/scripts", { script: name, engine: "wasm", source, scope: { key_ids: [name] } });
      await server.call("POST", `/api/v1/scripts/${name}/enable`, {});
      await generator.open(name, job(name, CALLERS, true));
    }
    const scripts = descendants(server.pids[0] as number).find(({ title }) => title === "keystead [scripts]")?.pid ?? 0;
    const quiet: number[] = [];
    const hostile: number[] = [];
    const shares: number[] = [];
    let errors = 0;
    let refused = 0;
    const window = async (): Promise<number> => {
      let from = 0;
      let to = 0;
      const result = await generator.window("plain", windowMs / 4, windowMs, (at) => {
        if (at === "begin") from = cpuSeconds(scripts);
        else to = cpuSeconds(scripts);
      });
      errors += result.errors;
      shares.push((to - from) / result.seconds);
      return result.calls / result.seconds;
    };
    for (let pair = 0; pair < pairs; pair += 1) {
      progress(`hostile scripts: windows ${pair + 1} of ${pairs}`);
      quiet.push(await window());
      shares.length = pair;
      for (const name of Object.keys(HOSTILE)) await generator.run(name);
      hostile.push(await window());
      for (const name of Object.keys(HOSTILE)) refused += await generator.stop(name);
    }
    return {
      quiet: median(quiet),
      hostile: median(hostile),
      ratio: median(hostile.map((rate, pair) => rate / (quiet[pair] as number))),
      scriptsShare: median(shares),
      refused,
      errors,
    };
  } finally {
    generator.end();
    await server.stop();
  }
}
