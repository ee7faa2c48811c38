/**
 * The store that forgets: for tests and for installations that want no disk. Same contract as the others.
 */
import { HsmError } from "@keystead/contract/errors";
import { parseRecordName, recordDigest, recordName, type RecordKey } from "../objects/record.ts";
import { EntryIndex } from "./entry-index.ts";
import type { OutboxLine, RecordWrite, Store } from "./store.ts";

/** @example const store = memoryStore(); */
export function memoryStore(): Store {
  const records = new Map<string, Buffer>();
  const index = new EntryIndex();
  let lines: OutboxLine[] = [];
  let durable = 0;
  let header: string | undefined;
  const sorted = (): string[] => [...records.keys()].sort((a, b) => (a < b ? -1 : 1));
  const keyOf = (name: string): RecordKey => parseRecordName(name) as RecordKey;
  return {
    name: "memory",
    get: (key) => Promise.resolve(records.get(recordName(key))),
    list: (namespace, kind, after, limit) =>
      Promise.resolve(
        [...records]
          .map(([name, bytes]) => ({ key: keyOf(name), bytes }))
          .filter(({ key }) => key.namespace === namespace && key.kind === kind && key.version === 0 && key.id > after)
          .sort((a, b) => (a.key.id < b.key.id ? -1 : 1))
          .slice(0, limit)
          .map(({ key, bytes }) => ({ id: key.id, bytes })),
      ),
    find: (namespace, entries, after, limit) =>
      Promise.resolve(
        index
          .find(namespace, entries, after, limit)
          .map((id) => ({ id, bytes: records.get(recordName({ namespace, kind: "key", id, version: 0 })) as Buffer })),
      ),
    isFiled: (...asked) => Promise.resolve(index.isFiled(...asked)),
    namespaces: () =>
      Promise.resolve(
        sorted()
          .map(keyOf)
          .filter((key) => key.kind === "namespace")
          .map((key) => key.namespace),
      ),
    async *all() {
      for (const name of sorted()) {
        const bytes = records.get(name);
        if (bytes !== undefined) yield { key: keyOf(name), bytes };
      }
    },
    commit(writes: readonly RecordWrite[], outboxLines: readonly OutboxLine[], durableSequence: number): void {
      // Each write sees those before it in the same commit; nothing is kept until all of them hold.
      const changed = new Map<string, Buffer | undefined>();
      for (const { key, expected, bytes } of writes) {
        const name = recordName(key);
        const now = changed.has(name) ? changed.get(name) : records.get(name);
        if ((now === undefined ? undefined : recordDigest(now)) !== expected)
          throw new HsmError("OBJECT_CHANGED", `record ${name} was changed meanwhile`);
        changed.set(name, bytes === undefined ? undefined : Buffer.from(bytes));
      }
      const raised = Math.max(durable, durableSequence);
      const kept = new Map(lines.filter((line) => line.sequence > raised).map((line) => [line.sequence, line]));
      for (const line of outboxLines) {
        if (kept.has(line.sequence)) throw new TypeError(`audit line ${line.sequence} is in the outbox already`);
        kept.set(line.sequence, line);
      }
      for (const [name, bytes] of changed) {
        if (bytes === undefined) records.delete(name);
        else records.set(name, bytes);
        index.note(keyOf(name), bytes);
      }
      durable = raised;
      lines = [...kept.values()].sort((a, b) => a.sequence - b.sequence);
    },
    outbox: () => [...lines],
    durableSequence: () => durable,
    setDurableSequence(sequence) {
      durable = Math.max(durable, sequence);
      lines = lines.filter((line) => line.sequence > durable);
    },
    header: () => header,
    setHeader(text) {
      header = text;
    },
    close() {
      records.clear();
    },
  };
}
