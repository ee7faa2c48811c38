/** The configuration file that `keystead init` writes: a production server with every place to fill in explained. */

export interface StartingConfig {
  /** Folder for data, keys and certificates; absolute. */
  readonly folder: string;
  /** Common name of the administrator's client certificate. */
  readonly administrator: string;
}

const quoted = (text: string): string => JSON.stringify(text);

/** The YAML text. `keystead config validate --config FILE` accepts it once the root secret and the certificates are in place. */
export const startingConfig = ({
  folder,
  administrator,
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
  data_dir: ${quoted(`${folder}/data`)}
  sync_mode: full      # nothing is acknowledged before it is durable

security:
  audit_log_path: ${quoted(`${folder}/log/audit.log`)}

# Where the root secret is: 32 bytes, raw or as base64:... or hex:... text. A reference, never the secret itself.
# Leave master_key out and set method: none to start sealed and open by: keystead unseal --secret REF
unseal:
  master_key: ${quoted(`file:${folder}/unseal/master.key`)}

# Who the bearers of client certificates are.
auth:
  certificates:
    - common_name: ${quoted(administrator)}
      principal: ${quoted(administrator)}
      roles: [Administrator]
      namespaces: ["*"]

logging:
  level: info
  format: json
  output: console

metrics:
  listen_addr: 127.0.0.1
  listen_port: 9090
`;
