/**
 * The store that forgets: for tests and for installations that want no disk. Same contract as the others.
 */
import { HsmError } from "@keystead/contract/errors";
import { parseRecordName, recordDigest, recordName, type RecordKey } from "../objects/record.ts";
import type { OutboxLine, RecordWrite, Store } from "./store.ts";

/** @example const store = memoryStore(); */
export function memoryStore(): Store {
  const records = new Map<string, Buffer>();
  let lines: OutboxLine[] = [];
  let durable = 0;
  let header: string | undefined;
  const sorted = (): string[] => [...records.keys()].sort((a, b) => (a < b ? -1 : 1));
  const keyOf = (name: string): RecordKey => parseRecordName(name) as RecordKey;
  return {
    name: "memory",
    get: (key) => Promise.resolve(records.get(recordName(key))),
    list: (namespace, kind, after, limit) => Promise.resolve(
      [...records]
        .map(([name, bytes]) => ({ key: keyOf(name), bytes }))
        .filter(({ key }) => key.namespace === namespace && key.kind === kind && key.version === 0 && key.id > after)
        .sort((a, b) => (a.key.id < b.key.id ? -1 : 1))
        .slice(0, limit)
        .map(({ key, bytes }) => ({ id: key.id, bytes })),
    ),
    namespaces: () => Promise.resolve(sorted().map(keyOf).filter((key) => key.kind === "namespace").map((key) => key.namespace)),
    async *all() {
      for (const name of sorted()) {
        const bytes = records.get(name);
        if (bytes !== undefined) yield { key: keyOf(name), bytes };
      }
    },
    commit(writes: readonly RecordWrite[], outboxLines: readonly OutboxLine[], durableSequence: number): void {
      for (const { key, expected } of writes) {
        const bytes = records.get(recordName(key));
        const digest = bytes === undefined ? undefined : recordDigest(bytes);
        if (digest !== expected) throw new HsmError("OBJECT_CHANGED", `record ${recordName(key)} was changed meanwhile`);
      }
      for (const { key, bytes } of writes) {
        if (bytes === undefined) records.delete(recordName(key));
        else records.set(recordName(key), Buffer.from(bytes));
      }
      durable = Math.max(durable, durableSequence);
      lines = [...lines.filter((line) => line.sequence > durable), ...outboxLines];
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
