import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SYSLOG_SEVERITY, octetCounted, syslogMessage, type SyslogEvent } from "./syslog-message.ts";

const EVENT: SyslogEvent = {
  severity: "notice",
  time: "2026-01-31T12:00:00.000Z",
  hostname: "hsm-1.example",
  type: "key.created",
  sequence: 7,
  version: "1.2.3",
  text: '{"action":"GenerateKey"}',
};

test("a message is what RFC 5424 says, to the byte", () => {
  assert.equal(
    syslogMessage(EVENT).toString("utf8"),
    '<109>1 2026-01-31T12:00:00.000Z hsm-1.example keystead - key.created [origin software="Keystead" swVersion="1.2.3"][meta sequenceId="7"] \ufeff{"action":"GenerateKey"}',
  );
});

test("sequenceId begins again at 1 after 2147483647", () => {
  const idOf = (sequence: number): string | undefined =>
    /sequenceId="(\d+)"/.exec(syslogMessage({ ...EVENT, sequence }).toString("utf8"))?.[1];
  assert.deepEqual([1, 2_147_483_647, 2_147_483_648, Number.MAX_SAFE_INTEGER].map(idOf), ["1", "2147483647", "1", "4194303"]);
});

// The grammar of §6, read independently of how the message is written.
const GRAMMAR =
  /^<(\d{1,3})>1 (\S+) ([\x21-\x7e]{1,255}) ([\x21-\x7e]{1,48}) (\S{1,128}) ([\x21-\x7e]{1,32}) ((?:\[[^ =\]"]{1,32}(?: [^ =\]"]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\])+) ([\s\S]*)$/;

test("whatever its parts hold, a message keeps the grammar and nothing leaves its field", () => {
  const hostile = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.constantFrom("", " ", '"]', "\\", "a\nb", "\ud800", "é"));
  fc.assert(
    fc.property(
      fc.constantFrom(...(Object.keys(SYSLOG_SEVERITY) as SyslogEvent["severity"][])),
      hostile,
      hostile,
      hostile,
      hostile,
      (severity, hostname, type, version, text) => {
        const found = GRAMMAR.exec(syslogMessage({ ...EVENT, severity, hostname, type, version, text }).toString("utf8"));
        assert.ok(found !== null);
        assert.equal(Number(found[1]), 13 * 8 + SYSLOG_SEVERITY[severity]);
        assert.equal(found[8], `\ufeff${text.toWellFormed()}`);
      },
    ),
  );
});

test("a stream is read back by its lengths, whatever the messages hold", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 }), (messages) => {
      let rest = octetCounted(messages.map((message) => Buffer.from(message)));
      const read: Uint8Array[] = [];
      while (rest.length > 0) {
        const blank = rest.indexOf(0x20);
        const length = Number(rest.toString("latin1", 0, blank));
        read.push(Uint8Array.from(rest.subarray(blank + 1, blank + 1 + length)));
        rest = rest.subarray(blank + 1 + length);
      }
      assert.deepEqual(read, messages);
    }),
  );
});
