/**
 * Policies in the languages of docs/operate/policy-scripts.md, compiled as it says by their own compilers, from the upload to
 * the decision.
 *
 * Skipped where a compiler is absent; with CI=true only where tools/test-needs.ts cannot install it.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { Algorithm } from "@keystead/contract/generated/hsm/hsm_pb";
import { ScriptEngine } from "@keystead/contract/generated/hsm/scripts_pb";
import { enableScript } from "@keystead/contract/operations/enable-script";
import { generateKey } from "@keystead/contract/operations/generate-key";
import { sign } from "@keystead/contract/operations/sign";
import { simulateScript } from "@keystead/contract/operations/simulate-script";
import { uploadScript } from "@keystead/contract/operations/upload-script";
import { ScriptGate } from "../../server/vault/scripts/script-gate.ts";
import { ClockedVault } from "../../server/vault/testing/clocked-vault.ts";
import { ROOT } from "../server.ts";
import { launched } from "./scripts-process.ts";

const PAGE = readFileSync(join(ROOT, "docs/operate/policy-scripts.md"), "utf8");

interface Language {
  readonly name: string;
  /** How the page marks its source. */
  readonly fence: string;
  readonly file: string;
  /** The first words of the command that the page gives. */
  readonly command: string;
  /** Whether the compiler is there, with what it needs. */
  present(): boolean;
  /** Whether the project's own setting up can install it. */
  readonly installable: boolean;
}

const answers = (command: string, ...words: string[]): string => {
  const { status, stdout } = spawnSync(command, words, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
};

const LANGUAGES: readonly Language[] = [
  {
    name: "Rust",
    fence: "rust",
    file: "policy.rs",
    command: "rustc",
    present: () => existsSync(answers("rustc", "--print", "target-libdir", "--target", "wasm32-unknown-unknown")),
    // Its target comes from Rust's own server and from none of the package registries, so no test run fetches it.
    installable: false,
  },
  {
    name: "AssemblyScript",
    fence: "ts",
    file: "policy.ts",
    command: "asc",
    present: () => answers("asc", "--version") !== "",
    installable: true,
  },
];

/** The module that the page's source and command make. */
function compiled({ fence, file, command }: Language): Buffer {
  const source = new RegExp(`^\`\`\`${fence}\\n([^]*?)^\`\`\`$`, "m").exec(PAGE)?.[1];
  const words = new RegExp(`\`(${command} [^\`]*)\``).exec(PAGE)?.[1]?.split(/\s+/);
  assert.ok(source !== undefined && words !== undefined, "the page gives source and command");
  const folder = mkdtempSync(join(tmpdir(), "keystead-policy-"));
  try {
    writeFileSync(join(folder, file), source);
    execFileSync(words[0] as string, words.slice(1), { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
    return readFileSync(join(folder, "policy.wasm"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const language of LANGUAGES) {
  const absent = !language.present() && !(process.env["CI"] === "true" && language.installable);
  test(
    `a policy in ${language.name} is uploaded, simulated, enabled and decides`,
    { skip: absent && "its compiler is not here" },
    async () => {
      const source = compiled(language);
      const { runner } = launched();
      const vault = new ClockedVault();
      vault.scripts = runner;
      const gate = new ScriptGate({ runner, log: vault.log, now: () => vault.now });
      vault.gates.push(gate.gate);
      await ClockedVault.begin(vault);
      gate.open(vault.vault);
      await vault.ask(generateKey, { keyId: "k", algorithm: Algorithm.Ed25519 });
      await vault.ask(uploadScript, { script: "hours", engine: ScriptEngine.WASM, source });
      const simulated = async (hour: number): Promise<string> => {
        const { decision, fuel } = await vault.ask(simulateScript, { script: "hours", context: JSON.stringify({ environment: { hour } }) });
        assert.ok(fuel > 0);
        return decision;
      };
      assert.deepEqual(
        [await simulated(7), await simulated(8), await simulated(17), await simulated(18)],
        ["deny", "allow", "allow", "deny"],
      );
      await vault.ask(enableScript, { script: "hours" });
      const signed = (): Promise<string> =>
        vault.ask(sign, { keyId: "k", data: Buffer.from('{"hour":9}') }).then(
          () => "OK",
          (error: unknown) => (error instanceof HsmError ? error.code : String(error)),
        );
      assert.equal(new Date(vault.now).getUTCHours(), 0);
      assert.equal(await signed(), "SIGNING_REFUSED");
      vault.now += 9 * 3_600_000;
      assert.deepEqual([await signed(), await signed()], ["OK", "OK"]);
      const [, one, two] = (await vault.events("Sign")).map(({ scripts }) => scripts);
      assert.deepEqual(one, two);
      assert.equal(one?.[0]?.verdict, "allow");
    },
  );
}
