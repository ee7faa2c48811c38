/**
 * For tests: Kafka's own consumer, in one process for as many questions as are asked of it, because a Java process costs more than
 * what is read with it. What it prints that is no answer (it says which logging library it misses) goes to standard error, unread.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface ReadRecord {
  readonly key: string;
  readonly value: string;
  readonly timestamp: number;
  readonly headers: Readonly<Record<string, string>>;
}

interface Question {
  readonly line: string;
  readonly answered: (records: ReadRecord[]) => void;
  readonly lost: (error: Error) => void;
}

export class KafkaRecords {
  readonly #java: readonly string[];
  readonly #asked: Question[] = [];
  #process: ChildProcess | undefined;

  /** @param jvm what Java is started with, `classpath` of Kafka's libraries, and a folder for the compiled program */
  constructor(jvm: readonly string[], classpath: string, folder: string) {
    execFileSync("javac", ["-cp", classpath, "-d", folder, join(import.meta.dirname, "kafka/Records.java")], { stdio: "pipe" });
    this.#java = [...jvm, "-cp", `${folder}:${classpath}`, "Records"];
  }

  /** What is in a partition now, oldest first. @throws {Error} when the consumer ends instead */
  read(broker: string, topic: string, partition: number): Promise<ReadRecord[]> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadRecord[]>();
    const question = { line: `${broker} ${topic} ${partition}\n`, answered: resolve, lost: reject };
    this.#process ??= this.#begin();
    this.#asked.push(question);
    this.#process.stdin?.write(question.line);
    return promise;
  }

  async end(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  }

  #begin(): ChildProcess {
    const child = spawn("java", this.#java, { stdio: ["pipe", "pipe", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4000)));
    // A write to one that has ended; "close" tells whoever waits.
    child.stdin.on("error", () => undefined);
    // It answers in the order of the questions.
    createInterface(child.stdout).on("line", (line) => this.#asked.shift()?.answered(JSON.parse(line) as ReadRecord[]));
    child.once("close", () => {
      this.#process = undefined;
      for (const { lost } of this.#asked.splice(0)) lost(new Error(`Kafka's consumer ended: ${said}`));
    });
    return child;
  }
}
