/**
 * For tests: a security key in software behind programs that speak as libfido2's do: fido2-token, fido2-cred, fido2-assert.
 *
 * Written from their manual pages, with no code of ours. Where libfido2 is installed, a test has the real programs verify
 * what these make.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PROGRAM = String.raw`
import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
const [name, ...flags] = process.argv.slice(2);
const here = dirname(process.argv[1]);
const device = join(here, "key");
if (name === "fido2-token" && flags[0] === "-L") {
  process.stdout.write(device + ": vendor=0x1234, product=0x5678 (Stand-in Key)\n");
  process.exit(0);
}
if (flags.at(-1) !== device) { process.stderr.write(name + ": no such device\n"); process.exit(1); }
const state = existsSync(device) ? JSON.parse(readFileSync(device, "utf8")) : { counter: 0, credentials: {} };
const keep = () => writeFileSync(device, JSON.stringify(state));
const lines = readFileSync(0, "utf8").split("\n");
const cdh = Buffer.from(lines[0], "base64");
if (cdh.length !== 32) { process.stderr.write(name + ": input error\n"); process.exit(1); }
const head = (length, major) => length < 24 ? Buffer.from([major | length]) : length < 256 ? Buffer.from([major | 24, length]) : Buffer.from([major | 25, length >> 8, length & 255]);
const bytes = (data) => Buffer.concat([head(data.length, 0x40), data]);
const authenticatorData = (rpId, more) => {
  const rest = Buffer.alloc(5);
  rest[0] = 0x01 | (flags.includes("-v") ? 0x04 : 0) | more;
  state.counter += 1;
  rest.writeUInt32BE(state.counter, 1);
  return Buffer.concat([createHash("sha256").update(rpId).digest(), rest]);
};
const out = (...all) => process.stdout.write(all.map((one) => (typeof one === "string" ? one : one.toString("base64")) + "\n").join(""));
if (name === "fido2-cred" && flags[0] === "-M") {
  const [, rpId] = lines;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const id = randomBytes(48);
  const length = Buffer.from([id.length >> 8, id.length & 255]);
  const cose = Buffer.concat([Buffer.from([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21]), bytes(Buffer.from(x, "base64url")), Buffer.from([0x22]), bytes(Buffer.from(y, "base64url"))]);
  const data = Buffer.concat([authenticatorData(rpId, 0x40), Buffer.alloc(16), length, id, cose]);
  state.credentials[id.toString("base64")] = { rpId, key: privateKey.export({ format: "pem", type: "pkcs8" }) };
  keep();
  out(cdh, rpId, "packed", bytes(data), id, sign("sha256", Buffer.concat([data, cdh]), privateKey));
} else if (name === "fido2-assert" && flags[0] === "-G") {
  const [, rpId, id] = lines;
  const known = state.credentials[id];
  if (known === undefined || known.rpId !== rpId) { process.stderr.write("fido2-assert: fido_dev_get_assert: FIDO_ERR_NO_CREDENTIALS\n"); process.exit(1); }
  const data = authenticatorData(rpId, 0);
  keep();
  out(cdh, rpId, bytes(data), sign("sha256", Buffer.concat([data, cdh]), createPrivateKey(known.key)));
} else process.exit(1);
`;

/** Installs the programs in a folder. @returns the folder, for PATH */
export function standInSecurityKey(folder: string): string {
  const bin = join(folder, "fido2");
  mkdirSync(bin, { recursive: true });
  const program = join(bin, "program.mjs");
  writeFileSync(program, PROGRAM);
  for (const name of ["fido2-token", "fido2-cred", "fido2-assert"]) {
    const command = join(bin, name);
    writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${program}" ${name} "$@"\n`);
    chmodSync(command, 0o755);
  }
  return bin;
}
