/** The configuration file that `keystead init` writes: a production server with every place to fill in explained. */
import { CRITICAL_PERMISSIONS } from "@keystead/client/names";
import type { Administrator } from "./administrators.ts";

export interface StartingConfig {
  /** Folder for data, keys and certificates; absolute. */
  readonly folder: string;
  /** Folder of what the vault writes; absolute. */
  readonly dataDir: string;
  readonly administrators: readonly Administrator[];
  /** What matters needs a second administrator. */
  readonly dualControl: boolean;
  /** The first policy; absolute. */
  readonly policyPath?: string | undefined;
}

const quoted = (text: string): string => JSON.stringify(text);

/** Who may come in: by certificate where one was given, otherwise by the common name of whatever certificate the authority issues. */
const bindings = ({ name, fingerprints }: Administrator): string =>
  (fingerprints.length === 0
    ? [`common_name: ${quoted(name)}`]
    : fingerprints.map((fingerprint) => `fingerprint_sha256: ${quoted(fingerprint)}`)
  )
    .map(
      (match) => `    - ${match}
      principal: ${quoted(name)}
      roles: [Administrator]
      namespaces: ["*"]
`,
    )
    .join("");

const approvals = (administrators: readonly Administrator[], dualControl: boolean): string => {
  const keys = administrators.flatMap(({ name, approverKeys }) =>
    approverKeys.map((key) => `    - principal: ${quoted(`cert:${name}`)}\n      public_key: ${quoted(key)}\n`),
  );
  if (keys.length === 0 && !dualControl) return "";
  const rules = dualControl
    ? `  rules:
    # What cannot be undone, what leaves, and who may do what: one administrator asks, another one agrees.
    - name: two administrators
      permissions: [${CRITICAL_PERMISSIONS.join(", ")}]
      quorum: 1
      roles: [Administrator]
`
    : "";
  return `
# Requests that others must agree to, by signatures of these public keys. See docs/operate/dual-control.md.
approvals:
${rules}  approver_keys:
${keys.join("")}`;
};

/** The YAML text. `keystead config validate --config FILE` accepts it once the root secret and the certificates are in place. */
export const startingConfig = ({
  folder,
  dataDir,
  administrators,
  dualControl,
  policyPath,
}: StartingConfig): string => `# Keystead configuration. Check it with: keystead config validate --config FILE
# Every key can also be set by the environment: server.port is HSM_SERVER__PORT.
preset: production

server:
  host: 0.0.0.0
  port: 50051          # gRPC, Connect, gRPC-Web
  api_port: 8443       # REST and all of the above
  health_host: 127.0.0.1
  health_port: 8080    # /health/live, /health/ready, /health/startup
  tls_cert_path: ${quoted(`${folder}/tls/server-cert.pem`)}
  tls_key_path: ${quoted(`${folder}/tls/server-key.pem`)}
  tls_ca_cert_path: ${quoted(`${folder}/tls/ca-cert.pem`)}
  client_auth: required

storage:
  backend: sqlite
  data_dir: ${quoted(dataDir)}
  sync_mode: full      # nothing is acknowledged before it is durable

security:
  audit_log_path: ${quoted(`${folder}/log/audit.log`)}
${policyPath === undefined ? "" : `  first_policy_path: ${quoted(policyPath)} # read when the vault is made, and never again\n`}
# Where the root secret is: 32 bytes, raw or as base64:... or hex:... text. A reference, never the secret itself.
# Leave master_key out and set method: none to start sealed and open by: keystead unseal --secret REF
unseal:
  master_key: ${quoted(`file:${folder}/unseal/master.key`)}

# Who the bearers of client certificates are.
auth:
  certificates:
${administrators.map(bindings).join("")}${approvals(administrators, dualControl)}
logging:
  level: info
  format: json
  output: console

metrics:
  listen_addr: 127.0.0.1
  listen_port: 9090
`;
