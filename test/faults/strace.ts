/** strace on a running process: what it asks of the kernel, in the order the kernel answered, or with faults put in. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder, until } from "../server.ts";

export interface SystemCall {
  readonly name: string;
  /** Arguments, descriptors with what they are: `3<UNIX-STREAM:[...]>`. */
  readonly args: string;
  readonly result: string;
}

export interface Trace {
  /** Detaches. @returns every call that was answered, in the order of the answers */
  stop(): Promise<SystemCall[]>;
}

/** Above 0, only root may attach to a process that is no child of its own. https://docs.kernel.org/admin-guide/LSM/Yama.html */
const PTRACE_SCOPE = "/proc/sys/kernel/yama/ptrace_scope";

/** Why strace cannot be used here, or false. */
export function noStrace(): string | false {
  if (process.getuid?.() !== 0 && existsSync(PTRACE_SCOPE) && readFileSync(PTRACE_SCOPE, "utf8").trim() !== "0")
    return "only root may attach to processes here";
  const { status } = spawnSync("strace", ["-o", "/dev/null", "true"], { stdio: "ignore" });
  if (status === 0) return false;
  if (process.env["CI"] === "true") throw new Error("strace does not work here");
  return "strace does not work here";
}

/** Attaches to all threads of a process. */
export async function strace(pid: number, words: readonly string[]): Promise<Trace> {
  const output = join(newFolder(), "trace");
  const child = spawn("strace", ["-f", "-y", "-s", "8192", "-p", String(pid), "-o", output, ...words], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  let over = false;
  const ended = new Promise<void>((done) =>
    child.once("close", () => {
      over = true;
      done();
    }),
  );
  await until("strace is attached", () => {
    if (over) throw new Error(said);
    return / attached/.test(said);
  });
  return {
    async stop() {
      if (!over) child.kill("SIGINT");
      await ended;
      return callsOf(readFileSync(output, "utf8"));
    },
  };
}

function callsOf(text: string): SystemCall[] {
  const begun = new Map<string, string>();
  const calls: SystemCall[] = [];
  const take = (whole: string): void => {
    const match = /^(\w+)\((.*)\)\s+= (.*)$/.exec(whole);
    if (match !== null) calls.push({ name: match[1] as string, args: match[2] as string, result: match[3] as string });
  };
  for (const line of text.split("\n")) {
    const [, thread = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith(" <unfinished ...>")) begun.set(thread, rest.slice(0, -" <unfinished ...>".length));
    else if (rest.startsWith("<... ")) take((begun.get(thread) ?? "") + rest.replace(/^<\.\.\. \w+ resumed>/, ""));
    else take(rest);
  }
  return calls;
}
