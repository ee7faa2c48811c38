/**
 * What the tests use besides npm packages: found, or installed from its registry. With CI=true a missing one fails;
 * elsewhere the tests that need it say so and skip.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** A program, and how to get it. */
interface Need {
  readonly command: string;
  /** Debian package. */
  readonly apt?: string;
  /** Debian package of which the one program is taken into .keystead/bin: installed, it would start a service. */
  readonly aptOnlyFile?: string;
  /** Go module path, installed into .keystead/bin. */
  readonly go?: string;
  /** Package of npm that is too large to come with the others, installed into .keystead. */
  readonly npm?: string;
}

const NEEDS: readonly Need[] = [
  { command: "openssl", apt: "openssl" },
  { command: "curl", apt: "curl" },
  { command: "strace", apt: "strace" },
  { command: "python3", apt: "python3" },
  // With the driver for TLS, which brings rsyslog itself.
  { command: "rsyslogd", apt: "rsyslog-openssl" },
  { command: "nats-server", apt: "nats-server" },
  { command: "promtool", aptOnlyFile: "prometheus" },
  { command: "grpcurl", go: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3" },
  { command: "protoc-gen-go", go: "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.6" },
  { command: "protoc-gen-connect-go", go: "connectrpc.com/connect/cmd/protoc-gen-connect-go@v1.18.1" },
  { command: "asc", npm: "assemblyscript@0.28.20" },
];

/** Rust's target for policy scripts: only a Rust that rustup looks after can be given it. */
const RUST_TARGET = "wasm32-unknown-unknown";

const found = (command: string, path: string): boolean => path.split(delimiter).some((folder) => existsSync(join(folder, command)));

/** Installs what is missing and can be had. @returns the PATH the tests run with */
export function installTestNeeds(root: string): { path: string } {
  const bin = join(root, ".keystead/bin");
  const path = [bin, process.env["PATH"] ?? ""].join(delimiter);
  const missing = NEEDS.filter(({ command }) => !found(command, path));
  const packages = missing.flatMap(({ apt }) => apt ?? []);
  if (packages.length > 0 && process.getuid?.() === 0 && found("apt-get", path)) {
    spawnSync("apt-get", ["update", "-qq"], { stdio: "inherit" });
    spawnSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
      stdio: "inherit",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  }
  for (const { command, aptOnlyFile } of missing)
    if (aptOnlyFile !== undefined && found("apt-get", path) && found("dpkg-deb", path)) takeProgram(command, aptOnlyFile, bin);
  for (const { go } of missing) {
    if (go === undefined || !found("go", path)) continue;
    mkdirSync(bin, { recursive: true });
    spawnSync("go", ["install", go], { stdio: "inherit", env: { ...process.env, GOBIN: bin, GOFLAGS: "-mod=mod" } });
  }
  for (const { npm } of missing) {
    if (npm === undefined || !found("npm", path)) continue;
    spawnSync("npm", ["install", "--global", "--prefix", join(root, ".keystead"), "--ignore-scripts", "--no-audit", npm], {
      stdio: "inherit",
    });
  }
  if (found("rustup", path)) spawnSync("rustup", ["target", "add", RUST_TARGET], { stdio: "ignore" });
  const still = NEEDS.filter(({ command }) => !found(command, path)).map(({ command }) => command);
  if (still.length > 0) {
    process.stderr.write(`missing for tests: ${still.join(", ")}\n`);
    if (process.env["CI"] === "true") process.exit(1);
  }
  return { path };
}

/** Takes usr/bin/COMMAND out of a Debian package. What cannot be had is missing afterwards. */
function takeProgram(command: string, debian: string, bin: string): void {
  const scratch = mkdtempSync(join(tmpdir(), "keystead-needs-"));
  try {
    spawnSync("apt-get", ["download", "-qq", debian], { cwd: scratch, stdio: "ignore" });
    const [file] = readdirSync(scratch);
    if (file === undefined) return;
    spawnSync("dpkg-deb", ["-x", file, "x"], { cwd: scratch, stdio: "ignore" });
    mkdirSync(bin, { recursive: true });
    if (existsSync(join(scratch, "x/usr/bin", command))) copyFileSync(join(scratch, "x/usr/bin", command), join(bin, command));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
