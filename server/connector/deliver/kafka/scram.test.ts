import assert from "node:assert/strict";
import { test } from "node:test";
import { HsmError } from "@keystead/contract/errors";
import { scram } from "./scram.ts";

const NONCE = "rOprNGfwEbeRWgbNEkqO";
const FIRST = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const LAST = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

/** Signs in to somebody who says these things. @returns what was sent */
async function exchanged(answers: readonly string[], name = "user"): Promise<string[]> {
  const sent: string[] = [];
  const exchange = (message: Buffer): Promise<Buffer> => {
    sent.push(message.toString("utf8"));
    return Promise.resolve(Buffer.from(answers[sent.length - 1] ?? "", "utf8"));
  };
  await scram("sha256", name, Buffer.from("pencil"), exchange, NONCE);
  return sent;
}

test("the exchange of RFC 7677 section 3 is made as it stands there", async () => {
  assert.deepEqual(await exchanged([FIRST, LAST]), [
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  ]);
});

test("a server that does not know the password is not believed", async () => {
  for (const last of [LAST.replace("6r", "7r"), "v=", "", "e=invalid-proof", "v=AAAA"])
    await assert.rejects(exchanged([FIRST, last]), HsmError);
});

test("a first message with another nonce, too few or too many iterations, or extensions ends it before the proof", async () => {
  for (const first of [
    FIRST.replace("r=rO", "r=rP"),
    `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    FIRST.replace("4096", "4095"),
    FIRST.replace("4096", "999999999"),
    `m=ext,${FIRST}`,
    `${FIRST},x=1`,
    "",
  ]) {
    const sent: string[] = [];
    const exchange = (message: Buffer): Promise<Buffer> => {
      sent.push(message.toString("utf8"));
      return Promise.resolve(Buffer.from(first, "utf8"));
    };
    await assert.rejects(scram("sha256", "user", Buffer.from("pencil"), exchange, NONCE), HsmError);
    assert.equal(sent.length, 1, first);
  }
});

test("a comma or an equals sign in a name is written so that it ends nothing", async () => {
  const sent: string[] = [];
  await assert.rejects(
    scram("sha512", "a=b,c", Buffer.from("x"), (message) => Promise.reject(new Error(sent.push(message.toString("utf8")).toString()))),
  );
  assert.match(sent[0] ?? "", /^n,,n=a=3Db=2Cc,r=[A-Za-z0-9+/]{32}$/);
});
