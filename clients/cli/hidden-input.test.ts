/** What people type when a password is asked for, on a terminal that this test plays. */
import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { askNewPassword, askPassword } from "./hidden-input.ts";
import { newFolder } from "./recording-shell.ts";
import type { Shell } from "./shell.ts";

interface Played {
  readonly shell: Shell;
  readonly keyboard: PassThrough;
  readonly raw: boolean[];
  shown(): string;
}

function terminal(): Played {
  const raw: boolean[] = [];
  const keyboard = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => raw.push(on) });
  let shown = "";
  const screen = Object.assign(
    new Writable({
      write(piece: Buffer, _encoding, done) {
        shown += piece.toString();
        done();
      },
    }),
    { isTTY: true },
  );
  const shell = { stdin: keyboard, stdout: screen, stderr: screen, env: {}, cwd: newFolder(), home: newFolder() } as unknown as Shell;
  return { shell, keyboard, raw, shown: () => shown };
}

const typed = async (...pieces: readonly (string | Buffer)[]): Promise<{ answer: string; played: Played }> => {
  const played = terminal();
  const asking = askPassword("password: ", undefined, "--password", played.shell);
  for (const piece of pieces) played.keyboard.write(piece);
  const answer = await asking;
  return { answer: answer.toString("utf8"), played };
};

test("a password is read to the end of its line, and nothing of it is shown", async () => {
  const { answer, played } = await typed("s3cr", "et\r");
  assert.equal(answer, "s3cret");
  assert.equal(played.shown(), "password: \n");
  assert.deepEqual(played.raw, [true, false]);
});

test("erasing takes whole characters, and no more than there are", async () => {
  assert.equal((await typed("ab\u007fc\n")).answer, "ac");
  assert.equal((await typed("é€💥\u007f\u007f\u007fx\n")).answer, "x");
  assert.equal((await typed("\u007f\u0008a\n")).answer, "a");
});

test("an interruption and an empty line are no password, and the terminal is as it was", async () => {
  for (const keys of ["abc\u0003", "\r"]) {
    const played = terminal();
    const asking = askPassword("password: ", undefined, "--password", played.shell);
    played.keyboard.write(keys);
    await assert.rejects(asking, { code: "INVALID_REQUEST" });
    assert.deepEqual(played.raw, [true, false]);
  }
});

test("a new password is typed twice, and taken when both are the same", async () => {
  for (const [second, good] of [
    ["one password\n", true],
    ["another one\n", false],
  ] as const) {
    const played = terminal();
    const asking = askNewPassword("new password", undefined, "--password", played.shell);
    played.keyboard.write("one password\n");
    // The second line is typed once it is asked for.
    while (!played.shown().includes("again")) await new Promise((resolve) => setImmediate(resolve));
    played.keyboard.write(second);
    if (good) assert.equal((await asking).toString(), "one password");
    else await assert.rejects(asking, { code: "INVALID_REQUEST" });
  }
});

test("without a terminal nothing is waited for", async () => {
  const { shell } = terminal();
  const dumb = { ...shell, stdin: Object.assign(new PassThrough(), { isTTY: false }) } as Shell;
  await assert.rejects(askPassword("password: ", undefined, "--password", dumb), { code: "INVALID_REQUEST" });
});
