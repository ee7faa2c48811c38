/** Who comes with nothing, with what is forged, or with too little is not let in, and is not told why. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { OPERATIONS } from "@keystead/contract/operations/register";
import { SURFACES, ask } from "../surfaces.ts";
import { badTokens, issue, mint, strangeAuthority } from "../tokens.ts";
import { assertRefusal } from "./refusal.ts";
import { refusingVault } from "./refusing-vault.ts";
import { COMES_TO_NOTHING, row } from "./requests.ts";
import { WITHOUT_A_CREDENTIAL, WITH_A_CREDENTIAL } from "./who-may.ts";

const vault = refusingVault();
const { numbered, refused, valid } = vault;

test("without a credential nothing is answered but a login and the public keys of sessions, on any surface", async () => {
  for (const operation of WITH_A_CREDENTIAL)
    for (const surface of SURFACES) await refused(surface, vault.bearer, operation, valid(operation), "UNAUTHENTICATED", "no credential");
  for (const name of WITHOUT_A_CREDENTIAL) {
    for (const surface of SURFACES) {
      const answer = await ask(surface, vault.bearer, row(name), valid(row(name)) as never);
      assert.equal(answer.code, COMES_TO_NOTHING[name], `${name} over ${surface}: ${answer.detail}`);
    }
  }
});

test("every kind of forged, expired or misdirected token gets the one uniform refusal, for every operation on every surface", async () => {
  const tokens = badTokens(vault.tokenKey);
  const details = new Set<string>();
  for (const [index, [kind, token]] of Object.entries(tokens).entries()) {
    // Every kind on every surface; every operation meets several kinds.
    for (const [at, surface] of SURFACES.entries()) {
      for (const operation of WITH_A_CREDENTIAL.filter((_, number) => (number + index + at) % 5 === 0)) {
        const { detail } = await refused(surface, { ...vault.bearer, token }, operation, valid(operation), "UNAUTHENTICATED", kind);
        details.add(String(detail));
      }
    }
  }
  assert.equal(details.size, 1, "the reason must not be told");
  const good = await mint(vault.tokenKey);
  for (const surface of SURFACES)
    assert.ok(
      (await ask(surface, { ...vault.bearer, token: good }, row("GetStatus"), {} as never)).ok,
      `${surface}: the good token of the same test`,
    );
});

test("a token whose roles or namespaces its key set does not allow has no effect beyond it", async () => {
  for (const roles of [[], ["Root"], ["administrators"], ["__proto__"]]) {
    const token = await mint(vault.tokenKey, { roles });
    for (const surface of SURFACES)
      await refused(surface, { ...vault.bearer, token }, row("Sign"), valid(row("Sign")), "PERMISSION_DENIED", `roles ${roles.join()}`);
  }
  for (const namespaces of [[], [""], "", {}, 7]) {
    const token = await mint(vault.tokenKey, { namespaces });
    for (const surface of SURFACES)
      await refused(
        surface,
        { ...vault.bearer, token },
        row("Sign"),
        valid(row("Sign"), "tenant-a"),
        "PERMISSION_DENIED",
        `namespaces ${JSON.stringify(namespaces)}`,
      );
  }
});

test("certificates of another authority, expired, for servers, or of nobody we know are no credential", async () => {
  const authority = { cert: vault.server.credential("ca.pem"), key: readFileSync(join(vault.server.data, "tls/ca-key.pem"), "utf8") };
  const kinds = {
    "another authority": issue("/CN=admin", strangeAuthority()),
    expired: issue("/CN=admin", authority, { days: -1 }),
    "a server's certificate": issue("/CN=admin", authority, { purpose: "serverAuth" }),
    "nobody we know": issue("/CN=stranger", authority),
    "two common names": issue("/CN=stranger/CN=admin", authority),
  };
  for (const [kind, { cert, key }] of Object.entries(kinds)) {
    for (const operation of OPERATIONS.filter(({ name }) => ["Sign", "GetStatus", "GenerateKey", "Seal"].includes(name))) {
      for (const surface of SURFACES)
        await refused(surface, { ...vault.bearer, cert, key }, operation, valid(operation), "UNAUTHENTICATED", kind);
    }
  }
  const good = issue("/CN=admin", authority);
  assert.ok((await ask("REST", { ...vault.bearer, ...good }, row("GetStatus"), {} as never)).ok, "a good one made the same way");
});

test("a wrong token is not forgiven because a good certificate came with it", async () => {
  const { expired: token = "" } = badTokens(vault.tokenKey);
  for (const surface of SURFACES)
    await refused(surface, { ...vault.admin, token }, row("GetStatus"), {}, "UNAUTHENTICATED", "good certificate, expired token");
});

test("an Authorization header of another scheme is not treated as none", async () => {
  for (const authorization of ["Basic YWRtaW46YWRtaW4=", "Bearer", "Bearer ", "bearer  ", `Bearer ${"x".repeat(20_000)}`]) {
    const { door, id } = numbered({ ...vault.admin, headers: { authorization } });
    const answer = await ask("REST", door, row("GetStatus"), {} as never);
    // A header section beyond the server's bound may be refused before anybody reads it.
    if (authorization.length > 10_000 && answer.status === 431) continue;
    assertRefusal(answer, "REST", "UNAUTHENTICATED", authorization.slice(0, 20), id);
  }
});

vault.closeAccount(4_000);
