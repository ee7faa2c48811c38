import { algorithmNumber } from "@keystead/contract/enum-names";
import { generateCsr as operation } from "@keystead/contract/operations/generate-csr";
import { pem, publicKeyDer } from "@keystead/crypto/formats/public-key";
import { signed, toBeSignedRequest } from "@keystead/crypto/x509/certificate";
import { distinguishedName } from "@keystead/crypto/x509/distinguished-name";
import { claimExtensions } from "@keystead/crypto/x509/extensions";
import { grantOf, handler } from "./handler.ts";
import { claimsOf, signingOf } from "./x509-request.ts";

/** A PKCS#10 request for the current version's public half, signed by its private half. */
export const generateCsr = handler(operation, async (invocation, { objects, provider }) => {
  const { request, run } = invocation;
  const key = await objects.open(grantOf(invocation));
  const { params, identifier } = signingOf(key.algorithm, request);
  const toBeSigned = toBeSignedRequest({
    subject: distinguishedName(request.subject),
    spki: publicKeyDer(key.publicKey ?? key.key),
    extensions: claimExtensions(claimsOf(request)),
  });
  const csr = signed(toBeSigned, identifier, await provider.sign(key, toBeSigned, params, run));
  return {
    reply: {
      csr: pem("CERTIFICATE REQUEST", csr),
      keyId: request.keyId,
      version: key.version,
      algorithm: algorithmNumber(key.algorithm),
    },
    version: key.version,
  };
});
