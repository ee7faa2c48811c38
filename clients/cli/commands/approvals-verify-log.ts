/**
 * `keystead approvals verify --log` and `--audit`: every approval that the audit log knows, held against its evidence.
 *
 * The log is read from its files, without any server, or asked for with the right to audit.
 */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ApprovalLogCheck, evidenceOf, parseEvidence, type ApprovalEvidence, type KnownPolicy } from "@keystead/client/approvals";
import type { Keystead } from "@keystead/client/client";
import type { Context } from "../context.ts";
import { usageError } from "../usage-error.ts";

const PAGE = 1000;
const READ_BYTES = 1024 * 1024;
const HEAD = '{"event":';
/** `,"mac":"<64 hexadecimal digits>"}` */
const TAIL_CHARACTERS = 74;
/** Status when something does not hold. */
const BROKEN = 1;
/** Whoever can write evidence can write a key of their own into it. */
const ANYBODYS_KEYS =
  "no --trust was given: the keys in the evidence itself count, and whose they are is not checked; pass the approvers' public keys";

/** The files of a log: itself, or its segments `<path>.<first sequence, 16 digits>`, the oldest first. */
function filesOf(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return [path];
  const prefix = `${basename(path)}.`;
  const folder = dirname(path);
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const found = names.filter((name) => name.startsWith(prefix) && /^\d{16}$/.test(name.slice(prefix.length))).sort();
  if (found.length === 0) throw usageError(`--log: there is no audit log at ${path}`);
  return found.map((name) => join(folder, name));
}

/** The lines of a file, up to the zeros that a log's last segment is filled with. */
function* linesOf(path: string): Generator<string> {
  const file = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(READ_BYTES);
    let rest = Buffer.alloc(0);
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      const bytes = Buffer.concat([rest, chunk.subarray(0, read)]);
      let from = 0;
      for (let end = bytes.indexOf(10, from); end !== -1; end = bytes.indexOf(10, from)) {
        yield bytes.toString("utf8", from, end);
        from = end + 1;
      }
      rest = Buffer.from(bytes.subarray(from));
      if (rest[0] === 0) return;
    }
    if (rest.length > 0) yield rest.toString("utf8");
  } finally {
    closeSync(file);
  }
}

/** The event in a line of the log; the line itself when it is none, which is told as such. */
const canonicalOf = (line: string): string => (line.startsWith(HEAD) ? line.slice(HEAD.length, -TAIL_CHARACTERS) : line);

async function readFromServer(keystead: Keystead, check: ApprovalLogCheck): Promise<void> {
  for (let pageToken: string | undefined; pageToken !== "";) {
    const page = await keystead.getAuditLog({ pageSize: PAGE, pageToken });
    for (const { canonical } of page.events) check.event(canonical);
    // What is asked for here is recorded too: the last page is one that is not full.
    pageToken = page.events.length < PAGE ? "" : page.nextPageToken;
  }
}

/** The evidence of every request that the server keeps. */
async function allEvidence(keystead: Keystead): Promise<ApprovalEvidence[]> {
  const found: ApprovalEvidence[] = [];
  for (let pageToken: string | undefined; pageToken !== "";) {
    const page = await keystead.listApprovals({ pageSize: PAGE, pageToken });
    found.push(...page.approvals.map(evidenceOf));
    pageToken = page.nextPageToken;
  }
  return found;
}

/** Evidence of one request or of several. @throws {HsmError} INVALID_REQUEST */
function evidenceIn(path: string, cwd: string): ApprovalEvidence[] {
  let text: string;
  try {
    text = readFileSync(resolve(cwd, path), "utf8");
  } catch (cause) {
    throw usageError(
      `cannot read ${path} (${(cause as NodeJS.ErrnoException).code}); \`keystead approvals list --state all --evidence\` makes it`,
    );
  }
  if (!text.trimStart().startsWith("[")) return [parseEvidence(text)];
  let all: unknown[];
  try {
    all = JSON.parse(text) as unknown[];
  } catch {
    throw usageError(`${path} is not JSON`);
  }
  return all.map((one) => parseEvidence(JSON.stringify(one)));
}

export async function verifyLog(
  context: Context,
  { log, evidence, known }: { readonly log: string | undefined; readonly evidence: string; readonly known: readonly string[] },
): Promise<number> {
  const { shell } = context;
  const check = new ApprovalLogCheck();
  const given = evidence === "" ? undefined : evidenceIn(evidence, shell.cwd);
  const server = log === undefined || given === undefined ? await context.connect() : undefined;
  // Evidence first: what is asked for meanwhile is in the log.
  const found = given ?? (await allEvidence(server as Keystead));
  let policies: KnownPolicy[] | undefined;
  if (log === undefined) {
    policies = (await (server as Keystead).listPolicyVersions())
      .map(({ digest, createdAt, version }) => ({ digest, version, createdAt: createdAt?.getTime() ?? 0 }))
      .sort((a, b) => a.version - b.version);
    await readFromServer(server as Keystead, check);
  } else for (const path of filesOf(resolve(shell.cwd, log))) for (const line of linesOf(path)) check.event(canonicalOf(line));
  const report = check.finish(found, known, policies);
  const broken = report.problems.length + report.approvals.filter(({ problems }) => problems.length > 0).length;
  const warnings = known.length === 0 ? [ANYBODYS_KEYS] : [];
  await context.print({ ...report, warnings }, () =>
    [
      ...warnings.map((warning) => `WARNING ${warning}\n`),
      ...report.problems.map((problem) => `BROKEN  the log: ${problem}\n`),
      ...report.approvals.flatMap(({ id, operation, performed, problems }) =>
        problems.length === 0
          ? [`holds   ${id} ${operation}${performed ? ", performed" : ""}\n`]
          : problems.map((problem) => `BROKEN  ${id} ${operation}: ${problem}\n`),
      ),
      `${report.events} events, ${report.approvals.length} requests that needed approval, ${broken} with problems\n`,
    ].join(""),
  );
  return broken === 0 ? 0 : BROKEN;
}
