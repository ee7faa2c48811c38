/** What the operator of a development or test server is told once it is ready. */
import { dirname } from "node:path";
import type { EffectiveConfig } from "@keystead/contract/config";
import type { Profile } from "./profile.ts";

/** An address as it stands in a URL. */
export function origin(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The lines, without line ends. */
export function noticesOf({ gateway, vault }: EffectiveConfig, profile: Profile): readonly string[] {
  const lines: string[] = [];
  if (gateway.api !== undefined) {
    lines.push(
      `Keystead (${gateway.preset}) answers at ${profile.endpoint}`,
      `Administrator credentials: ${dirname(profile.cert)}`,
      `  curl --cacert '${profile.ca}' --cert '${profile.cert}' --key '${profile.key}' ${profile.endpoint}/api/v1/keys`,
    );
  }
  const plain = [
    ...(gateway.developmentGrpc === undefined ? [] : [`gRPC ${origin(gateway.developmentGrpc.host, gateway.developmentGrpc.port)}`]),
    ...(gateway.developmentRest && gateway.health !== undefined ? [`REST http://${origin(gateway.health.host, gateway.health.port)}`] : []),
  ];
  if (plain.length > 0) {
    lines.push(
      `WARNING: ${plain.join(" and ")} answer WITHOUT TLS AND WITHOUT LOGIN to every program on this machine,`,
      `WARNING: as the principal "${vault.auth.developmentPrincipal}". Never keep real keys in the development preset.`,
    );
  }
  if (vault.minPassphraseLength < 8)
    lines.push(`WARNING: passphrases of ${vault.minPassphraseLength} characters are accepted; production asks for at least 8.`);
  return lines;
}
