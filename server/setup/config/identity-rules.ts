/** Rules about who callers are: certificates, key sets, providers, and what is fetched for them. */
import { finding, type Rule } from "./finding.ts";

/** What cannot be told is not good (fail closed). */
const revocation: Rule = ({ preset, auth }) =>
  finding(
    preset === "production" && auth.revocation.unknown === "accept",
    "auth.revocation.unknown",
    "accept is not allowed in production",
    "write refuse",
  );

/** Two entries for one name would leave open which of them counts. */
const certificateNames: Rule = ({ auth }) => {
  const seen = new Set<string>();
  return auth.certificates.flatMap(({ principal: _who, roles: _roles, namespaces: _reach, ...match }, at) => {
    const name = JSON.stringify(match).toLowerCase();
    const twice = seen.has(name);
    seen.add(name);
    return finding(twice, `auth.certificates[${at}]`, "an entry before it matches the same certificates", "keep one of the two");
  });
};

/** What anybody on the way could change is not trusted, except on this machine while nothing is at stake. */
const plainAddresses: Rule = ({ preset, auth }) => {
  const named = [
    ...auth.jwt.key_sets.map(({ url }, at) => [`auth.jwt.key_sets[${at}].url`, url] as const),
    ...auth.oidc.providers.flatMap(({ issuer, origins = [] }, at) => [
      [`auth.oidc.providers[${at}].issuer`, issuer] as const,
      ...origins.map((origin, index) => [`auth.oidc.providers[${at}].origins[${index}]`, origin] as const),
    ]),
  ];
  return named.flatMap(([key, address]) => {
    const { protocol, hostname } = address === undefined ? { protocol: "https:", hostname: "" } : new URL(address);
    const here = preset !== "production" && ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
    return finding(protocol !== "https:" && !here, key, "it does not begin with https://", "write an address with https://");
  });
};

/** Two ways in for one issuer would make one person two principals, or two providers one. */
const issuers: Rule = ({ auth }) => {
  const providers = auth.oidc.providers.map(({ issuer }) => issuer);
  return [
    ...providers.flatMap((issuer, at) =>
      finding(
        providers.indexOf(issuer) !== at,
        `auth.oidc.providers[${at}].issuer`,
        "an entry before it has this issuer",
        "keep one of the two",
      ),
    ),
    ...auth.jwt.key_sets.flatMap(({ issuer }, at) =>
      finding(providers.includes(issuer), `auth.jwt.key_sets[${at}].issuer`, "it is a provider of auth.oidc too", "keep one of the two"),
    ),
  ];
};

const fetching: Rule = ({ auth: { jwt, revocation: revocationKeys }, connector }) => [
  ...finding(jwt.refresh_seconds < 60, "auth.jwt.refresh_seconds", "it is less than a minute", "write 60 or more"),
  ...finding(revocationKeys.ocsp_keep_seconds < 1, "auth.revocation.ocsp_keep_seconds", "it is less than a second", "write 1 or more"),
  ...finding(jwt.unknown_kid_seconds < 1, "auth.jwt.unknown_kid_seconds", "it is less than a second", "write 1 or more"),
  ...finding(
    connector.timeout_seconds <= 0 || connector.timeout_seconds > 60,
    "connector.timeout_seconds",
    "it is not more than 0 and at most 60",
    "write 5",
  ),
];

export const IDENTITY_RULES: readonly Rule[] = [revocation, certificateNames, plainAddresses, issuers, fetching];
