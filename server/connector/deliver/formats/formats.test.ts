/** What holds of every format, whatever the members of an event hold: one line, read back as it was written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SEVERITIES } from "@keystead/contract/event-types";
import { sinkEvent, type SinkEvent } from "../event.ts";
import { logLine } from "../testing.ts";
import { CEF_SEVERITY, cef } from "./cef.ts";
import { FORMATS } from "./format.ts";

const SOURCE = "urn:keystead:test";
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom(
    "",
    "|",
    "\\",
    "=",
    "a=b c=d",
    "\\|",
    "\r\n",
    "x\u2028y",
    '"',
    "suser=root",
    "\ud800",
    "a\u0000b",
    "\u001b[2J",
    "\u202egnp.exe",
  ),
);
/** Events as the log has them: what it quotes is well-formed. */
const events = fc
  .record({
    key: hostile,
    principal: hostile,
    request: hostile,
    namespace: hostile,
    address: fc.constantFrom(undefined, "10.0.0.1", "::1"),
  })
  .map(({ address, ...members }) => {
    const formed = Object.fromEntries(Object.entries(members).map(([name, value]) => [name, value.toWellFormed()]));
    return sinkEvent(logLine(7, { ...formed, ...(address === undefined ? {} : { address }) }));
  });

for (const [number, format] of Object.entries(FORMATS))
  test(`format ${number}: an event is one line, and the same one each time`, () => {
    fc.assert(
      fc.property(events, (event) => {
        const text = format?.text(event, SOURCE) ?? "";
        assert.doesNotMatch(text, /[\r\n]/);
        assert.ok(text.isWellFormed());
        assert.equal(format?.text(event, SOURCE), text);
      }),
    );
  });

/** Reads CEF by its rules alone: the header to its seventh bar that is not escaped, the extension by its keys. */
function readCef(text: string): { header: string[]; extension: Record<string, string> } {
  const header: string[] = [];
  let part = "";
  let at = 0;
  for (; header.length < 7; at += 1) {
    assert.ok(at < text.length, "the header ends too soon");
    if (text[at] === "\\") part += text[(at += 1)];
    else if (text[at] === "|") {
      header.push(part);
      part = "";
    } else part += text[at];
  }
  const extension: Record<string, string> = {};
  const keys = [...text.slice(at).matchAll(/(?:^| )([A-Za-z0-9]+)=/g)].filter(({ index }) => !escaped(text.slice(at), index));
  for (const [index, found] of keys.entries()) {
    const value = text.slice(at).slice(found.index + found[0].length, keys[index + 1]?.index);
    assert.equal(extension[found[1] as string], undefined, `${found[1]} stands twice`);
    extension[found[1] as string] = value.replace(/\\(.)/g, (_, one: string) => ({ n: "\n", r: "\r" })[one] ?? one);
  }
  return { header, extension };
}
/** Whether the equals sign of a key that seems to begin here is escaped; none of ours is. */
const escaped = (text: string, at: number): boolean => /^ ?[A-Za-z0-9]+\\=/.test(text.slice(at));

/** A character as it is shown: control characters but for blanks and line ends, and those that turn writing around, are not. */
function shown(one: string): string {
  const code = one.codePointAt(0) ?? 0;
  const control = (code < 0x20 && !"\t\n\r".includes(one)) || (code >= 0x7f && code <= 0x9f);
  const turning = [0x61c, 0x200e, 0x200f].includes(code) || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return control || turning ? "\ufffd" : one;
}

test("CEF is read back by its rules alone, and what is in a value makes no field", () => {
  fc.assert(
    fc.property(events, (event: SinkEvent) => {
      const { header, extension } = readCef(cef(event));
      assert.equal(header.length, 7);
      assert.deepEqual([header[0], header[4], header[6]], ["CEF:0", event.type, String(CEF_SEVERITY[event.severity])]);
      const lines = (value: string): string => Array.from(value.replace(/[\u2028\u2029]/g, "\n"), shown).join("");
      for (const [name, value] of [
        ["suser", event.event.principal],
        ["cs1", event.event.namespace],
        ["cs2", event.event.key],
        ["requestContext", event.event.request],
      ] as const)
        assert.equal(extension[name] ?? "", lines(value), name);
      assert.equal(extension["cn1"], "7");
    }),
  );
});

test("nothing in CEF cuts a text off, moves a terminal or turns what follows around", () => {
  const text = cef(sinkEvent(logLine(7, { principal: "a\u0000b\u001b[2J\u202ec\u0085d\te" })));
  assert.ok(text.includes("suser=a\ufffdb\ufffd[2J\ufffdc\ufffdd\te "), text);
});

test("OCSF is one object of its class, whose type is made of class and activity, with the event whole in it", () => {
  const format = FORMATS[6];
  const cases = { GenerateKey: 1, GetKey: 2, UpdateKey: 3, DeleteKey: 4, Sign: 99 };
  for (const [action, activity] of Object.entries(cases)) {
    const event = sinkEvent(logLine(7, { action }));
    const object = JSON.parse(format?.text(event, SOURCE) ?? "") as Record<string, unknown>;
    assert.deepEqual([object["class_uid"], object["activity_id"], object["type_uid"]], [6003, activity, 600_300 + activity], action);
    assert.equal(object["raw_data"], event.canonical);
    assert.equal(object["status_id"], 1);
  }
  const refused = sinkEvent(logLine(7, { outcome: "PERMISSION_DENIED", decision: "refuse" }));
  const object = JSON.parse(format?.text(refused, SOURCE) ?? "") as Record<string, unknown>;
  assert.deepEqual([object["status_id"], object["status_code"], object["severity_id"]], [2, "PERMISSION_DENIED", 3]);
});

test("each severity has its place in CEF, in their order", () => {
  const places = SEVERITIES.map((severity) => CEF_SEVERITY[severity]);
  assert.deepEqual(
    places,
    places.toSorted((one, other) => one - other),
  );
});
