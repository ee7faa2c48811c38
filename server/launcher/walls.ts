/**
 * The flags each part runs under: its walls, as Node's permission model builds them.
 *
 * @see ARCHITECTURE.md "Walls"; test/architecture/vault-walls.test.ts tries them from inside
 */

const SHARED = [
  "--permission",
  "--no-addons",
  "--disallow-code-generation-from-strings",
  "--disable-proto=throw",
  "--disable-sigusr1",
  "--disable-warning=ExperimentalWarning",
];

/**
 * For the two that every request goes through. V8 otherwise collects its whole heap each time 64 MiB of buffers were made:
 * more than half of the time of large requests.
 */
const BUFFERS = ["--external-memory-accounted-in-global-limit", "--initial-heap-size=128"];

/** Room for private keys in locked memory: about 2 KiB an RSA key, and twice the memory of one Argon2 run. */
const SECURE_HEAP_BYTES = 134_217_728;

const code = (root: string, own: string): string[] =>
  [`${root}/node_modules/*`, `${root}/lib/*`, `${root}/server/${own}/*`, `${root}/package.json`].map((path) => `--allow-fs-read=${path}`);

/** No network, no processes, no threads, no native code; files only where its data is. */
export function vaultFlags(root: string, folders: readonly string[], files: readonly string[]): string[] {
  return [
    ...SHARED,
    ...BUFFERS,
    `--secure-heap=${SECURE_HEAP_BYTES}`,
    "--secure-heap-min=16",
    // The memory of a destroyed key is given back, and zeroed, when its object is collected: the vault asks for that.
    "--expose-gc",
    ...code(root, "vault"),
    ...folders.flatMap((folder) => [
      `--allow-fs-read=${folder}`,
      `--allow-fs-read=${folder}/*`,
      `--allow-fs-write=${folder}`,
      `--allow-fs-write=${folder}/*`,
    ]),
    ...files.map((file) => `--allow-fs-read=${file}`),
  ];
}

/** The network, its own code and its TLS files; no data folder. To write, at most its unix socket, to remove what a crash left. */
export function gatewayFlags(root: string, files: readonly string[], socket?: string): string[] {
  return [
    ...SHARED,
    ...BUFFERS,
    // Node keeps what belongs to an HTTP/2 stream until a second collection, so each one moves what all the streams since the
    // last have left: with 16 MiB that stops the gateway for 12 ms, with 4 MiB for 3.
    "--max-semi-space-size=4",
    "--allow-net",
    ...code(root, "gateway"),
    ...files.map((file) => `--allow-fs-read=${file}`),
    ...(socket === undefined ? [] : [`--allow-fs-read=${socket}`, `--allow-fs-write=${socket}`]),
  ];
}

/** Enough for the stack that a script may use, whatever the engine puts on it besides; in KiB. */
const SCRIPT_STACK_KIB = 3000;

/** Its own code, down to the packages it loads, and nothing else at all. */
export function scriptsFlags(root: string): string[] {
  const readable = [
    "server/scripts/*",
    "lib/contract/*",
    "lib/channel/*",
    "node_modules/@keystead/*",
    "node_modules/wasmoon/*",
    "package.json",
  ];
  // Compiled when it is prepared: the time of a decision is the script's alone.
  return [
    ...SHARED,
    "--no-wasm-lazy-compilation",
    `--stack-size=${SCRIPT_STACK_KIB}`,
    ...readable.map((path) => `--allow-fs-read=${root}/${path}`),
  ];
}

/** The network, its own code and the authorities it trusts; to write, at most the folder for sinks that are files. */
export function connectorFlags(root: string, files: readonly string[], folder?: string): string[] {
  const writable =
    folder === undefined
      ? []
      : [`--allow-fs-read=${folder}`, `--allow-fs-read=${folder}/*`, `--allow-fs-write=${folder}`, `--allow-fs-write=${folder}/*`];
  return [...SHARED, "--allow-net", ...code(root, "connector"), ...files.map((file) => `--allow-fs-read=${file}`), ...writable];
}

/**
 * Setup reads and writes where the configuration says and ends. It runs without the permission model, under which Node
 * has no fsync: the keys it makes must survive a power failure.
 */
export const SETUP_FLAGS: readonly string[] = ["--no-addons", "--disable-proto=throw", "--disable-warning=ExperimentalWarning"];
