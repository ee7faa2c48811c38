/** Registrations and assertions of a software authenticator, the right ones and every wrong one. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { verifyAssertion, type RelyingParty, type WebAuthnCredential } from "./assertion.ts";
import { verifyRegistration } from "./registration.ts";
import { SoftwareAuthenticator, type Deviations } from "./testing/software-authenticator.ts";

const RP: RelyingParty = { id: "hsm.example.com", origins: ["https://hsm.example.com", "https://console.example.com"] };
const ORIGIN = RP.origins[0] as string;

async function registered(authenticator: SoftwareAuthenticator): Promise<WebAuthnCredential> {
  const challenge = randomBytes(32);
  const found = await verifyRegistration(challenge, authenticator.register(challenge), RP);
  assert.ok(found !== undefined);
  assert.equal(found.userVerified, true);
  return found.credential;
}

for (const algorithm of ["ES256", "EdDSA", "RS256"] as const) {
  test(`a credential with ${algorithm} is registered, and its assertion verifies once its counter has grown`, async () => {
    const authenticator = new SoftwareAuthenticator(RP.id, ORIGIN, algorithm);
    const credential = await registered(authenticator);
    const challenge = randomBytes(32);
    const assertion = authenticator.assert(challenge);
    assert.deepEqual(await verifyAssertion(credential, challenge, assertion, RP), { counter: 1, userVerified: true });
    assert.equal(await verifyAssertion({ ...credential, counter: 1 }, challenge, assertion, RP), undefined);
  });
}

const WRONG: Readonly<Record<string, Deviations>> = {
  "of another type": { type: "payment.get" },
  "from another origin": { origin: "https://hsm.example.org" },
  "from an origin that begins like ours": { origin: `${ORIGIN}.evil.example` },
  "over plain http": { origin: "http://hsm.example.com" },
  "for another relying party": { rpId: "example.com" },
  "of another challenge": { challenge: Buffer.alloc(32, 7) },
  "of a shorter challenge": { challenge: Buffer.alloc(0) },
  "from a frame of another site": { crossOrigin: true },
  "with nobody present": { userPresent: false },
  "whose client data names the origin twice": { clientData: (text) => text.replace("{", '{"origin":"https://evil.example",') },
  "whose client data has an outer site": { clientData: (text) => text.replace("{", '{"topOrigin":"https://evil.example",') },
  "whose client data is no object": { clientData: () => "7" },
  "whose client data is no JSON": { clientData: () => "{" },
};

test("an assertion that is wrong in any way is refused, all in the same way", async () => {
  const authenticator = new SoftwareAuthenticator(RP.id, ORIGIN);
  const credential = { ...(await registered(authenticator)), counter: 5 };
  authenticator.counter = 10;
  const challenge = randomBytes(32);
  for (const [kind, deviations] of Object.entries(WRONG))
    assert.equal(await verifyAssertion(credential, challenge, authenticator.assert(challenge, deviations), RP), undefined, kind);
  for (const counter of [0, 4, 5])
    assert.equal(
      await verifyAssertion(credential, challenge, authenticator.assert(challenge, { counter }), RP),
      undefined,
      `counter ${counter}`,
    );
  const good = authenticator.assert(challenge);
  assert.equal(await verifyAssertion(credential, challenge, { ...good, credentialId: "AAAA" }, RP), undefined, "another credential's id");
  const stranger = await registered(new SoftwareAuthenticator(RP.id, ORIGIN));
  assert.equal(await verifyAssertion({ ...stranger, id: credential.id }, challenge, good, RP), undefined, "another key");
  assert.equal(await verifyAssertion(credential, challenge, { ...good, signature: Buffer.alloc(0) }, RP), undefined, "no signature");
  assert.equal(await verifyAssertion({ ...credential, publicKey: "AA" }, challenge, good, RP), undefined, "a key that is none");
  assert.deepEqual(await verifyAssertion(credential, challenge, good, RP), { counter: authenticator.counter, userVerified: true });
});

test("every changed byte of an assertion makes it invalid", async () => {
  const authenticator = new SoftwareAuthenticator(RP.id, ORIGIN, "EdDSA");
  const credential = await registered(authenticator);
  const challenge = randomBytes(32);
  const good = authenticator.assert(challenge);
  for (const field of ["clientDataJson", "authenticatorData", "signature"] as const) {
    for (let at = 0; at < good[field].length; at += 1) {
      const changed = Buffer.from(good[field]);
      changed[at] = (changed[at] as number) ^ 1;
      assert.equal(await verifyAssertion(credential, challenge, { ...good, [field]: changed }, RP), undefined, `${field} ${at}`);
    }
    assert.equal(await verifyAssertion(credential, challenge, { ...good, [field]: good[field].subarray(0, -1) }, RP), undefined, field);
  }
});

test("presence without verification is told apart", async () => {
  const authenticator = new SoftwareAuthenticator(RP.id, ORIGIN);
  const credential = await registered(authenticator);
  const challenge = randomBytes(32);
  const assertion = authenticator.assert(challenge, { userVerified: false });
  assert.deepEqual(await verifyAssertion(credential, challenge, assertion, RP), { counter: 1, userVerified: false });
});

test("a registration that is wrong in any way, or attests something, is refused", async () => {
  const challenge = randomBytes(32);
  for (const [kind, deviations] of Object.entries({
    ...WRONG,
    attested: { format: "packed" },
    "for Android": { format: "android-safetynet" },
  })) {
    const authenticator = new SoftwareAuthenticator(RP.id, ORIGIN);
    assert.equal(await verifyRegistration(challenge, authenticator.register(challenge, deviations), RP), undefined, kind);
  }
  const authenticator = new SoftwareAuthenticator(RP.id, ORIGIN);
  const good = authenticator.register(challenge);
  assert.equal(await verifyRegistration(challenge, { ...good, credentialId: "AAAA" }, RP), undefined, "another id");
  assert.equal(
    await verifyRegistration(challenge, { ...good, attestationObject: Buffer.from("x") }, RP),
    undefined,
    "no attestation object",
  );
  assert.ok((await verifyRegistration(challenge, good, RP)) !== undefined);
});

test("a signature with bytes behind it, or spelled otherwise, is not that signature", async () => {
  const authenticator = new SoftwareAuthenticator(RP.id, ORIGIN, "ES256");
  const credential = await registered(authenticator);
  const challenge = randomBytes(32);
  const assertion = authenticator.assert(challenge);
  const good = Buffer.from(assertion.signature);
  const padded = Buffer.concat([good, Buffer.alloc(3)]);
  const within = Buffer.from(padded);
  within[1] = (good[1] as number) + 3;
  for (const signature of [padded, within])
    assert.equal(await verifyAssertion(credential, challenge, { ...assertion, signature }, RP), undefined);
  assert.ok((await verifyAssertion(credential, challenge, assertion, RP)) !== undefined);
});
