/**
 * The first start of the development and test presets: an unseal secret, a local certificate authority with a server
 * and an administrator certificate, a token key, and a profile that says where they are. A later start changes only
 * what is missing or about to expire. Production is never provisioned.
 */
import { randomFillSync } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import type { EffectiveConfig } from "@keystead/contract/config";
import { LOCAL_TOKENS, PROVISIONED_FILES } from "../config/presets.ts";
import { createFile, ensureFolder, readIfPresent, replaceFile } from "./durable-file.ts";
import { folderInUse } from "./folder-in-use.ts";
import { ensureAuthority, ensureLeaf } from "./local-authority.ts";
import { noticesOf, origin } from "./notices.ts";
import type { Profile } from "./profile.ts";
import { ensureTokenKey } from "./token-key.ts";

/** Names the server is reached by on its own machine. */
function serverNames(): readonly string[] {
  const own = hostname().toLowerCase();
  return [...new Set(["localhost", "127.0.0.1", "::1", ...(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(own) ? [own] : [])])];
}

/** Makes the unseal secret unless there is one. The buffer that held it is wiped. */
function ensureMasterKey(path: string): void {
  if (readIfPresent(path) !== undefined) return;
  const secret = Buffer.alloc(32);
  const text = Buffer.alloc(52);
  try {
    randomFillSync(secret);
    text.write("base64:", "latin1");
    text.write(secret.toString("base64"), 7, "latin1");
    text.write("\n", 51, "latin1");
    createFile(path, text);
  } finally {
    secret.fill(0);
    text.fill(0);
  }
}

/** Makes what is missing and returns the configuration with its notices. */
export async function provision(config: EffectiveConfig): Promise<EffectiveConfig> {
  if (config.vault.preset === "production") return config;
  const data = config.vault.dataDir;
  for (const folder of [data, ...["unseal", "tls", "auth", "credentials"].map((name) => join(data, name))]) ensureFolder(folder);
  // The vault will refuse this start by name; the running one's profile must still say where it listens.
  if (folderInUse(data)) return config;
  const made = (file: keyof typeof PROVISIONED_FILES) => join(data, PROVISIONED_FILES[file]);
  const credentials = (name: string) => join(data, "credentials", name);

  ensureMasterKey(made("masterKey"));
  const authority = { certPath: made("authority"), keyPath: join(data, "tls", "ca-key.pem") };
  await ensureAuthority(authority);
  await ensureLeaf(
    { certPath: made("serverCertificate"), keyPath: made("serverKey"), commonName: "localhost", purpose: "server", names: serverNames() },
    authority,
  );
  await ensureLeaf(
    { certPath: credentials("admin.pem"), keyPath: credentials("admin-key.pem"), commonName: "admin", purpose: "client", names: [] },
    authority,
  );
  const authorityPem = readIfPresent(authority.certPath) ?? "";
  if (readIfPresent(credentials("ca.pem")) !== authorityPem) replaceFile(credentials("ca.pem"), authorityPem);
  await ensureTokenKey(credentials("token-key.pem"), made("keySet"));

  const profile: Profile = {
    endpoint: `https://localhost:${config.gateway.api?.port ?? config.gateway.grpc?.port ?? 0}`,
    ca: credentials("ca.pem"),
    cert: credentials("admin.pem"),
    key: credentials("admin-key.pem"),
    tokenKey: credentials("token-key.pem"),
    ...LOCAL_TOKENS,
    ...(config.gateway.metrics === undefined
      ? {}
      : { metrics: `http://${origin(config.gateway.metrics.host, config.gateway.metrics.port)}/metrics` }),
  };
  const text = `${JSON.stringify(profile, null, 2)}\n`;
  if (readIfPresent(credentials("profile.json")) !== text) replaceFile(credentials("profile.json"), text);
  return { ...config, notices: noticesOf(config, profile) };
}
