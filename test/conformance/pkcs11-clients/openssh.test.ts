/** OpenSSH with keys of the vault. */
import { clientPages } from "./client-pages.ts";

clientPages({ name: "openssh", programs: ["ssh-keygen", "ssh-agent", "ssh-add"] });
