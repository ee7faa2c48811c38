/** A hundred thousand mutated certificates, lists, answers and tokens let nobody in and crash nothing. */
import assert from "node:assert/strict";
import { generateKeyPairSync, randomInt, sign as signBytes } from "node:crypto";
import { test } from "node:test";
import { LISTENER, decodeCall, encodeCall } from "@keystead/channel/call";
import { HsmError } from "@keystead/contract/errors";
import { ocspRequest, readOcspResponse } from "@keystead/crypto/x509/ocsp";
import { Authenticator } from "../../server/vault/authenticate/authenticate.ts";
import { bindingFor, parseAuthorities, prepareBindings, verifyCertificate } from "../../server/vault/authenticate/certificate.ts";
import { RevocationLists } from "../../server/vault/authenticate/revocation-lists.ts";
import { opensslAuthority } from "../../server/vault/authenticate/testing/openssl-authority.ts";
import { parseForeignKeySet } from "../../server/vault/authenticate/token.ts";

const ROUNDS = 100_000;

/** Some bytes changed, cut out, doubled or exchanged. */
function mutated(bytes: Buffer): Buffer {
  let changed = Buffer.from(bytes);
  for (let changes = randomInt(1, 5); changes > 0; changes--) {
    const at = randomInt(changed.length);
    const to = Math.min(changed.length, at + randomInt(1, 9));
    const kind = randomInt(4);
    if (kind === 0) changed[at] = randomInt(256);
    else if (kind === 1) changed = Buffer.concat([changed.subarray(0, at), changed.subarray(to)]);
    else if (kind === 2) changed = Buffer.concat([changed.subarray(0, to), changed.subarray(at)]);
    else changed.subarray(at, to).reverse();
    if (changed.length === 0) changed = Buffer.from([randomInt(256)]);
  }
  return changed;
}

const ca = opensslAuthority();
const authorities = parseAuthorities(ca.pem);
const leaf = ca.issue({
  extensions: [
    "basicConstraints=critical,CA:FALSE",
    "extendedKeyUsage=clientAuth",
    "subjectAltName=DNS:a.org,email:b@c.org,URI:spiffe://x/y",
  ],
});
const matches = [{ commonName: "alice" }, { sanDns: "a.org" }, { spiffeId: "spiffe://x/y" }, { sanEmail: "b@c.org" }];
const bindings = prepareBindings(matches.map((match) => ({ match, principal: "p", roles: [], namespaces: [] })));

test("mutated certificates", () => {
  for (let round = 0; round < ROUNDS; round++) {
    const changed = mutated(leaf.der);
    if (changed.equals(leaf.der)) continue;
    const checked = verifyCertificate(changed, authorities, Date.now());
    if (checked !== undefined) assert.equal(bindingFor(checked, bindings), undefined, changed.toString("hex"));
  }
});

test("mutated revocation lists", () => {
  ca.revoke(leaf);
  const list = ca.list();
  for (let round = 0; round < ROUNDS; round++) {
    const changed = mutated(list);
    if (changed.equals(list)) continue;
    assert.throws(
      () => new RevocationLists().take([{ source: "x", bytes: changed }], authorities),
      (error: unknown) => error instanceof HsmError,
      changed.toString("hex"),
    );
  }
});

test("mutated OCSP answers never call a revoked certificate good", () => {
  const nonce = Buffer.alloc(16, 1);
  const [authority] = authorities;
  assert.ok(authority !== undefined);
  const checked = verifyCertificate(leaf.der, authorities, Date.now());
  const subject = { serial: checked?.facts.serial ?? "", issuer: authority.facts };
  const answer = ca.respond(ocspRequest(subject, nonce), undefined, "-ndays", "1");
  assert.equal(readOcspResponse(answer, subject, authority.certificate, nonce, Date.now()).status, "revoked");
  for (let round = 0; round < ROUNDS; round++) {
    const changed = mutated(answer);
    let status = "refused";
    try {
      status = readOcspResponse(changed, subject, authority.certificate, nonce, Date.now()).status;
    } catch (error) {
      assert.equal((error as Error).name, "MalformedDer", String(error));
    }
    assert.notEqual(status, "good", changed.toString("hex"));
  }
});

test("mutated tokens of a provider", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const nothing = { issuer: "https://i", audience: "c", leewaySeconds: 0, allowedRoles: [], namespaces: [] };
  const mappings = [{ claim: "groups", oneOf: ["g"], roles: ["Administrator"], namespaces: ["*"] }];
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k" }] });
  const oidc = { issuer: "https://i", clientId: "c", leewaySeconds: 0, boundClaims: [], mappings };
  const authenticator = new Authenticator({
    authorities: [],
    certificates: [],
    keySets: [parseForeignKeySet(keys, nothing, oidc)],
    developmentPrincipal: undefined,
    now: Date.now,
  });
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part({ alg: "EdDSA", kid: "k" })}.${part({ iss: "https://i", aud: "c", sub: "s", exp: Math.floor(Date.now() / 1000) + 7200, groups: ["g"] })}`;
  const signature = signBytes(undefined, Buffer.from(input), privateKey);
  const show = (token: string): Promise<{ id: string }> =>
    authenticator.authenticate(
      decodeCall(
        encodeCall(
          { listener: LISTENER.tls, address: "::1", requestId: "r", trace: "", token, certificate: Buffer.alloc(0) },
          Buffer.alloc(0),
        ) as Buffer,
      ),
    );
  assert.equal((await show(`${input}.${signature.toString("base64url")}`)).id, "oidc:https://i:s");
  const good = Buffer.from(`${input}.${signature.toString("base64url")}`);
  for (let round = 0; round < ROUNDS; round++) {
    const token = mutated(good).toString("latin1");
    // Letters that base64url passes over, and bits of its last letter, do not change what was signed.
    const [head = "", claims = "", last = "", ...more] = token.split(".");
    if (more.length === 0 && `${head}.${claims}` === input && Buffer.from(last, "base64url").equals(signature)) continue;
    await assert.rejects(show(token), { code: "UNAUTHENTICATED" }, token);
  }
});
