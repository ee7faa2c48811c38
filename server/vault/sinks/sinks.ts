/**
 * All sinks of an open vault: their documents, and a feeder for each.
 *
 * What a definition says is changed in the transaction of its event; the feeder follows once that is durable. A target is shown
 * to the process that will deliver before it is kept, because that process knows what it may reach.
 */
import { readSecretList, secretList } from "@keystead/channel/deliver-call";
import { HsmError } from "@keystead/contract/errors";
import type { Logger } from "@keystead/contract/logging";
import { LOCAL_SINKS, SINK_SECRETS, credentialPlace, kindOfTarget, readTarget } from "@keystead/contract/sink-target";
import { fillRandom } from "@keystead/crypto/random";
import { wipe } from "@keystead/crypto/wipe";
import { canonicalEvent, GENESIS } from "../audit/event.ts";
import type { AuditLog } from "../audit/log.ts";
import type { Change } from "../objects/change.ts";
import type { Document, Documents } from "../objects/documents.ts";
import type { NewSink, SinkChange, SinkControl, SinkFacts } from "../operations/sink-control.ts";
import type { DeliveryLine, Openable } from "./delivery-line.ts";
import { Feeder, within, type FeederState } from "./feeder.ts";
import { NEW_STANDING, type DeliveryRecord, type SinkStanding, type StandingFiles } from "./standing.ts";
import { sinkDocument, type StoredSink } from "./stored-sink.ts";

export interface SinksOptions {
  readonly documents: Documents;
  readonly auditLog: Pick<AuditLog, "follow" | "sequence">;
  readonly standings: StandingFiles;
  readonly line: DeliveryLine;
  readonly log: Logger;
  /** Sequence number of the first event from `from` on that the log still has; `from` where nothing is missing. */
  readonly firstKept: (from: number) => number;
  /** Told of log or store that does not verify. */
  readonly onDamage: (error: HsmError) => void;
  /** Who the events are of, a URI. */
  readonly source: string;
  readonly now: () => number;
  readonly breakMs?: number;
}

/** Most sinks of a vault, and of one namespace: each reads the log for itself. */
export const MOST_SINKS = 256;
export const MOST_NAMESPACE_SINKS = 16;

const newName = (): string => fillRandom(Buffer.alloc(8)).toString("hex");
const NOT_FED = (standing: SinkStanding): FeederState => ({
  state: "disabled",
  standing,
  behind: 0,
  lastError: "",
  leftAlone: false,
  missedNow: 0,
});
const missing = (id: string): HsmError => new HsmError("OBJECT_NOT_FOUND", `there is no sink ${id}`);

export class Sinks implements SinkControl {
  readonly #options: SinksOptions;
  readonly #feeders = new Map<string, Feeder>();
  #started = false;
  #closed = false;
  /** Ends of feeders that are under way. */
  #ending: Promise<unknown> = Promise.resolve();

  constructor(options: SinksOptions) {
    this.#options = options;
    const known = options.documents.list<StoredSink>("sink");
    options.standings.keepOnly(new Set(known.map(({ id }) => id)));
    for (const document of known) this.#take(document);
    options.line.onJoin(() => {
      for (const feeder of this.#feeders.values()) feeder.hurry();
    });
    options.documents.watch("sink", (id, document) => this.#changed(id, document as Document<StoredSink> | undefined));
  }

  /** Begins to deliver. */
  start(): void {
    this.#started = true;
    for (const feeder of this.#feeders.values()) feeder.start();
  }

  /** Ends; how far each sink is, is durable then. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#ending, ...[...this.#feeders.values()].map((feeder) => feeder.stop())]);
    for (const feeder of this.#feeders.values()) feeder.close();
    this.#feeders.clear();
  }

  list(): readonly SinkFacts[] {
    return this.#options.documents
      .list<StoredSink>("sink")
      .map((document) => this.#facts(document))
      .sort((one, other) => (`${one.stored.name} ${one.id}` < `${other.stored.name} ${other.id}` ? -1 : 1));
  }

  /** How each goes, by its id. */
  census(): ReadonlyMap<string, FeederState> {
    return new Map([...this.#feeders].map(([id, feeder]) => [id, feeder.state]));
  }

  get(namespace: string, id: string): SinkFacts {
    return this.#facts(this.#document(namespace, id));
  }

  async create({ from, secrets, ...sink }: NewSink, by: string): Promise<{ id: string; stored: StoredSink; change: Change }> {
    const { documents, auditLog, now, firstKept } = this.#options;
    const id = `sink-${newName()}`;
    const stored: StoredSink = {
      ...sink,
      revision: 1,
      // What is gone already, nobody misses.
      after: from === 0 ? auditLog.sequence : Math.min(firstKept(from) - 1, auditLog.sequence),
      createdBy: by,
      createdAt: now(),
    };
    await this.#check(stored, async () => secrets.map((secret) => Uint8Array.from(secret)));
    const material = secretList(secrets);
    try {
      const change = await documents.change([sinkDocument(id)], () => {
        const all = documents.list<StoredSink>("sink");
        const own = all.filter(({ value }) => value.namespace === stored.namespace);
        if (all.length >= MOST_SINKS) throw new HsmError("QUOTA_EXCEEDED", `a vault has at most ${MOST_SINKS} sinks`);
        if (stored.namespace !== "" && own.length >= MOST_NAMESPACE_SINKS)
          throw new HsmError("QUOTA_EXCEEDED", `a namespace has at most ${MOST_NAMESPACE_SINKS} sinks`);
        this.#refuseSharedFile(id, stored);
        return [{ ...sinkDocument(id), value: stored, material }];
      });
      return { id, stored, change };
    } finally {
      wipe(material);
    }
  }

  async update(namespace: string, id: string, changes: SinkChange): Promise<{ stored: StoredSink; change: Change }> {
    const before = this.#document(namespace, id).value;
    if (changes.target !== undefined) {
      if (kindOfTarget(readTarget(changes.target)) !== kindOfTarget(readTarget(before.target)))
        throw new HsmError("INVALID_REQUEST", "target: a sink stays of its kind; make another one");
      await this.#check({ ...before, ...changes }, () => this.#secrets(id, before));
    }
    return this.#change(namespace, id, async (now) => {
      const stored = { ...now, ...changes, revision: now.revision + 1 };
      this.#refuseSharedFile(id, stored);
      await this.#refuseOtherPlace(id, now, stored);
      return { stored };
    });
  }

  async remove(namespace: string, id: string): Promise<Change> {
    return this.#options.documents.change([sinkDocument(id)], () => {
      this.#document(namespace, id);
      return [{ ...sinkDocument(id), value: undefined }];
    });
  }

  async rotate(namespace: string, id: string, secret: Uint8Array, overlapMs: number): Promise<{ stored: StoredSink; change: Change }> {
    return this.#change(namespace, id, async (before) => {
      const former = overlapMs === 0 ? [] : (await this.#secrets(id, before)).slice(0, 1);
      try {
        return {
          stored: {
            ...before,
            revision: before.revision + 1,
            formerUntil: former.length === 0 ? undefined : this.#options.now() + overlapMs,
          },
          material: secretList([secret, ...former]),
        };
      } finally {
        wipe(...former);
      }
    });
  }

  async test(namespace: string, id: string, by: string): Promise<DeliveryRecord> {
    this.#document(namespace, id);
    const { now } = this.#options;
    const fields = {
      action: "TestSink",
      authentication: "ceremony",
      decision: "allow",
      key: "",
      namespace,
      outcome: "OK",
      payload: "",
      principal: by,
      request: `test-${newName()}`,
      time: new Date(now()).toISOString(),
      version: 0,
    } as const;
    await this.#ending;
    return this.#feeder(id).attempt(0, `{"event":${canonicalEvent(fields, GENESIS, 0, 0)},"mac":"${GENESIS}"}`);
  }

  async redeliver(namespace: string, id: string, sequence: number): Promise<DeliveryRecord> {
    const { value } = this.#document(namespace, id);
    const follower = this.#options.auditLog.follow(Math.max(0, sequence - 1));
    try {
      const [found] =
        sequence < 1 || sequence > this.#options.auditLog.sequence ? [] : ((await follower.next({ lines: 1, waitMs: 0 })) ?? []);
      const event = found === undefined ? undefined : (JSON.parse(found.line) as { event: { namespace: string; time: string } }).event;
      // Of a segment that was set aside there is no event: what is found is one behind it.
      if (found?.sequence !== sequence || event === undefined || !within(value, event))
        throw new HsmError("OBJECT_NOT_FOUND", `there is no event ${sequence} for this sink`);
      await this.#ending;
      return await this.#feeder(id).attempt(sequence, found.line);
    } finally {
      follower.cancel();
    }
  }

  #document(namespace: string, id: string): Document<StoredSink> {
    const document = this.#options.documents.get<StoredSink>("sink", id);
    if (document === undefined || document.value.namespace !== namespace) throw missing(id);
    return document;
  }

  #feeder(id: string): Feeder {
    const feeder = this.#feeders.get(id);
    if (feeder === undefined) throw missing(id);
    return feeder;
  }

  #facts({ id, value, time }: Document<StoredSink>): SinkFacts {
    const standing = NEW_STANDING(value.after);
    const state = this.#feeders.get(id)?.state ?? NOT_FED(standing);
    return { id, stored: value, changedAt: time, state };
  }

  async #change(
    namespace: string,
    id: string,
    next: (before: StoredSink) => Next | Promise<Next>,
  ): Promise<{ stored: StoredSink; change: Change }> {
    let stored!: StoredSink;
    let material: Buffer | undefined;
    try {
      const change = await this.#options.documents.change([sinkDocument(id)], async () => {
        const planned = await next(this.#document(namespace, id).value);
        ({ stored, material } = { material: undefined, ...planned });
        return [{ ...sinkDocument(id), value: stored, ...(material === undefined ? {} : { material }) }];
      });
      return { stored, change };
    } finally {
      wipe(material);
    }
  }

  /** Nobody who cannot read a credential has it sent to where they can. */
  async #refuseOtherPlace(id: string, before: StoredSink, after: StoredSink): Promise<void> {
    const [from, to] = [readTarget(before.target), readTarget(after.target)];
    const kind = kindOfTarget(to);
    if (kind === undefined || SINK_SECRETS[kind] !== "credential" || credentialPlace(from) === credentialPlace(to)) return;
    const secrets = await this.#secrets(id, before);
    wipe(...secrets);
    if (secrets.length > 0)
      throw new HsmError("INVALID_REQUEST", "target: a sink with a secret stays where that is shown; make another sink for another place");
  }

  /** Two writers of one file would write into one another's lines. */
  #refuseSharedFile(id: string, { target }: StoredSink): void {
    const { file } = readTarget(target);
    if (file === undefined) return;
    const others = this.#options.documents.list<StoredSink>("sink").filter((other) => other.id !== id);
    if (others.some(({ value }) => readTarget(value.target).file?.file === file.file))
      throw new HsmError("OBJECT_EXISTS", `another sink writes to ${file.file}`);
  }

  async #check(stored: StoredSink, secrets: Openable["secrets"]): Promise<void> {
    const kind = kindOfTarget(readTarget(stored.target));
    if (kind === undefined) throw new HsmError("INVALID_REQUEST", "target: must name exactly one kind of target");
    if (LOCAL_SINKS.has(kind) && stored.namespace !== "")
      throw new HsmError("INVALID_REQUEST", `target: a ${kind} is on the server, and no namespace's sink writes there`);
    const name = `check-${newName()}`;
    const refused = await this.#options.line.check({ ...this.#openable(name, stored), secrets });
    if (refused !== undefined) throw new HsmError("INVALID_REQUEST", `target: ${refused}`);
  }

  #openable(id: string, stored: StoredSink): Openable {
    const former = stored.formerUntil !== undefined && stored.formerUntil > this.#options.now();
    return {
      sink: id,
      // A secret that ends in between makes it another sink to the process that has it open.
      revision: stored.revision * 2 + (former ? 1 : 0),
      target: stored.target,
      source: this.#options.source,
      timeoutMs: stored.retry.timeoutMs,
      secrets: () => this.#secrets(id, stored),
    };
  }

  /** Those that count now, newest first; the caller wipes them. */
  async #secrets(id: string, { formerUntil }: StoredSink): Promise<Buffer[]> {
    const material = await this.#options.documents.material("sink", id);
    try {
      const secrets = readSecretList(material);
      if (formerUntil !== undefined && formerUntil > this.#options.now()) return secrets;
      wipe(...secrets.splice(1));
      return secrets;
    } finally {
      wipe(material);
    }
  }

  #take({ id, value }: Document<StoredSink>): void {
    const { auditLog, standings, line, log, now, firstKept, onDamage, breakMs } = this.#options;
    const feeder = new Feeder({
      id,
      stored: value,
      file: standings.open(id, `${value.createdAt} ${value.after}`),
      follow: (after) => auditLog.follow(after),
      end: () => auditLog.sequence,
      firstKept,
      line,
      openable: (stored) => this.#openable(id, stored),
      log,
      onDamage,
      now,
      random: () => fillRandom(Buffer.alloc(1)).readUInt8(0) / 256,
      ...(breakMs === undefined ? {} : { breakMs }),
    });
    this.#feeders.set(id, feeder);
    if (this.#started) feeder.start();
  }

  #changed(id: string, document: Document<StoredSink> | undefined): void {
    if (this.#closed) return;
    const feeder = this.#feeders.get(id);
    if (document !== undefined && feeder === undefined) return this.#take(document);
    if (feeder === undefined) return;
    if (document !== undefined) return void this.#later(() => feeder.change(document.value));
    this.#feeders.delete(id);
    this.#later(async () => {
      await feeder.stop();
      feeder.close();
      this.#options.line.close(id);
      this.#options.standings.forget(id);
    });
  }

  /** Does what follows from a change, one thing after the other. */
  #later(work: () => Promise<void>): void {
    this.#ending = this.#ending.then(work).catch((error: unknown) => this.#options.log.error("a sink could not be changed", {}, error));
  }
}

interface Next {
  readonly stored: StoredSink;
  readonly material?: Buffer;
}
