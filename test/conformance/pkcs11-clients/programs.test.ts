/** Programs of the system with keys of the vault. */
import { clientPages } from "./client-pages.ts";

clientPages(
  { name: "openssh", programs: ["ssh-keygen", "ssh-agent", "ssh-add"] },
  { name: "openssl", programs: ["openssl"] },
  { name: "nginx", programs: ["nginx", "curl"], ports: [9443] },
  { name: "dnssec", programs: ["ldns-signzone", "dnssec-verify"] },
  { name: "gnutls", programs: ["p11tool", "certtool"] },
  { name: "p11-kit", programs: ["p11-kit", "p11tool"], unprivileged: true },
);
