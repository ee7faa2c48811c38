/**
 * What the tests use besides npm packages: found, or installed from its registry. With CI=true a missing one fails;
 * elsewhere the tests that need it say so and skip.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** A program, and how to get it. */
interface Need {
  readonly command: string;
  /** A pattern of files that stand for it, when it is no program. */
  readonly files?: string;
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
  { command: "pkcs11-tool", apt: "opensc" },
  { command: "valgrind", apt: "valgrind" },
  { command: "p11tool", apt: "gnutls-bin" },
  { command: "p11-kit", apt: "p11-kit" },
  { command: "libengine-pkcs11-openssl", apt: "libengine-pkcs11-openssl", files: "/usr/lib/*/engines-3/pkcs11.so" },
  { command: "nginx", aptOnlyFile: "nginx" },
  // The folders that it wants to be there.
  { command: "nginx-common", apt: "nginx-common", files: "/var/lib/nginx" },
  { command: "dnssec-verify", apt: "bind9-utils" },
  { command: "ldns-signzone", apt: "ldnsutils" },
  { command: "ssh-agent", apt: "openssh-client" },
  { command: "keytool", apt: "openjdk-17-jdk-headless" },
  { command: "g++", apt: "g++" },
  { command: "make", apt: "make" },
  { command: "groff", apt: "groff-base" },
  // With the driver for TLS, which brings rsyslog itself.
  { command: "rsyslogd", apt: "rsyslog-openssl" },
  { command: "nats-server", apt: "nats-server" },
  { command: "promtool", aptOnlyFile: "prometheus" },
  { command: "grpcurl", go: "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3" },
  { command: "protoc-gen-go", go: "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.6" },
  { command: "protoc-gen-connect-go", go: "connectrpc.com/connect/cmd/protoc-gen-connect-go@v1.18.1" },
  { command: "asc", npm: "assemblyscript@0.28.20" },
];

const found = (command: string, path: string): boolean => path.split(delimiter).some((folder) => existsSync(join(folder, command)));
const has = ({ command, files }: Need, path: string): boolean => (files === undefined ? found(command, path) : globSync(files).length > 0);

/** A broker for tests, from Maven Central: too large for a package of the system, and none of those has it. */
const KAFKA = "3.9.1";

/** Installs what is missing and can be had. @returns the PATH the tests run with */
export function installTestNeeds(root: string): { path: string } {
  const bin = join(root, ".keystead/bin");
  const path = [bin, process.env["PATH"] ?? ""].join(delimiter);
  const missing = NEEDS.filter((need) => !has(need, path));
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
  takeKafka(join(root, ".keystead/kafka"), path);
  const still = NEEDS.filter((need) => !has(need, path)).map(({ command }) => command);
  if (canHaveKafka(path) && !existsSync(join(root, ".keystead/kafka/libs"))) still.push("Apache Kafka");
  if (still.length > 0) {
    process.stderr.write(`missing for tests: ${still.join(", ")}\n`);
    if (process.env["CI"] === "true") process.exit(1);
  }
  return { path };
}

/** Takes usr/bin/COMMAND or usr/sbin/COMMAND out of a Debian package. What cannot be had is missing afterwards. */
function takeProgram(command: string, debian: string, bin: string): void {
  const scratch = mkdtempSync(join(tmpdir(), "keystead-needs-"));
  try {
    spawnSync("apt-get", ["download", "-qq", debian], { cwd: scratch, stdio: "ignore" });
    const [file] = readdirSync(scratch);
    if (file === undefined) return;
    spawnSync("dpkg-deb", ["-x", file, "x"], { cwd: scratch, stdio: "ignore" });
    mkdirSync(bin, { recursive: true });
    const program = ["usr/bin", "usr/sbin"].map((place) => join(scratch, "x", place, command)).find((path) => existsSync(path));
    if (program !== undefined) copyFileSync(program, join(bin, command));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Java's compiler, too: its consumer reads what was delivered. */
const canHaveKafka = (path: string): boolean => ["java", "javac", "mvn"].every((command) => found(command, path));

/** Takes Apache Kafka with everything it needs into a folder. What cannot be had is missing afterwards. */
function takeKafka(folder: string, path: string): void {
  if (existsSync(join(folder, "libs")) || !canHaveKafka(path)) return;
  const scratch = mkdtempSync(join(tmpdir(), "keystead-needs-"));
  const broker = `<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA}</version></dependency>`;
  const about = "<modelVersion>4.0.0</modelVersion><groupId>keystead</groupId><artifactId>needs</artifactId><version>1</version>";
  try {
    writeFileSync(join(scratch, "pom.xml"), `<project>${about}<dependencies>${broker}</dependencies></project>`);
    const wanted = ["-DincludeScope=runtime", `-DoutputDirectory=${join(scratch, "libs")}`];
    const { status } = spawnSync("mvn", ["-q", "-B", "dependency:copy-dependencies", ...wanted], { cwd: scratch, stdio: "inherit" });
    if (status !== 0) return;
    // Whole or not at all.
    mkdirSync(folder, { recursive: true });
    cpSync(join(scratch, "libs"), join(folder, "taken"), { recursive: true });
    renameSync(join(folder, "taken"), join(folder, "libs"));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
