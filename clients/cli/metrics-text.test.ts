import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseMetrics, readingsOf } from "./metrics-text.ts";

const TEXT = `# HELP a_total Things, \\\\ and\\nlines
# TYPE a_total counter
a_total{kind="x",text="a\\"b\\\\c\\nd"} 5
a_total{kind="y",text="}"} 1e3 1700000000
# TYPE free gauge
free NaN
# HELP took_seconds How long
# TYPE took_seconds histogram
took_seconds_bucket{op="sign",le="0.001"} 6
took_seconds_bucket{op="sign",le="0.01"} 9
took_seconds_bucket{op="sign",le="+Inf"} 10
took_seconds_sum{op="sign"} 0.5
took_seconds_count{op="sign"} 10
took_seconds_bucket{op="none",le="+Inf"} 0
took_seconds_sum{op="none"} 0
took_seconds_count{op="none"} 0
lonely 1
`;

test("families, labels and values are read as they were written", () => {
  const [a, free, took, lonely] = parseMetrics(TEXT);
  assert.deepEqual([a?.name, a?.type, a?.help], ["a_total", "counter", "Things, \\ and\nlines"]);
  assert.deepEqual({ ...a?.samples[0]?.labels }, { kind: "x", text: 'a"b\\c\nd' });
  assert.deepEqual([a?.samples[1]?.labels["text"], a?.samples[1]?.value], ["}", 1000]);
  assert.ok(Number.isNaN(free?.samples[0]?.value));
  assert.deepEqual([took?.samples.length, lonely?.type], [8, "untyped"]);
});

test("a histogram is told by count, mean and the bounds that half and 95 % stay under", () => {
  const readings = readingsOf(parseMetrics(TEXT)[2] as never);
  assert.deepEqual(
    readings.map(({ labels, ...rest }) => [{ ...labels }, rest]),
    [
      [{ op: "sign" }, { name: "took_seconds", type: "histogram", value: 10, mean: 0.05, quantiles: { 0.5: 0.001, 0.95: Infinity } }],
      [{ op: "none" }, { name: "took_seconds", type: "histogram", value: 0 }],
    ],
  );
});

test("a summary keeps the quantiles that the server computed", () => {
  const [family, ...more] = parseMetrics(
    '# TYPE t_seconds summary\nt_seconds{op="a",quantile="0.5"} 2\nt_seconds{op="a",quantile="0.99"} 3\nt_seconds_sum{op="a"} 8\nt_seconds_count{op="a"} 4\n',
  );
  assert.equal(more.length, 0);
  const [reading] = readingsOf(family as never);
  assert.deepEqual([reading?.value, reading?.mean, reading?.quantiles], [4, 2, { 0.5: 2, 0.99: 3 }]);
});

test("what is no metrics is refused, whatever it is, and never half read", () => {
  for (const wrong of ["<html>", "a{b=c} 1", 'a{b="c" 1', "a one", 'a{b="c"}1', "{}"])
    assert.throws(() => parseMetrics(wrong), { code: "INVALID_REQUEST" });
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      try {
        parseMetrics(text);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "INVALID_REQUEST");
      }
    }),
  );
});

test("any label value comes back from the text", () => {
  fc.assert(
    fc.property(fc.string(), fc.double({ noNaN: true }), (value, number) => {
      const escaped = value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
      const shown = Number.isFinite(number) ? String(number) : number > 0 ? "+Inf" : "-Inf";
      if (/[\r\u2028\u2029]/.test(value)) return;
      const [family] = parseMetrics(`m{l="${escaped}"} ${shown}\n`);
      assert.equal(family?.samples[0]?.labels["l"], value);
      assert.equal(family.samples[0]?.value, Object.is(number, -0) ? 0 : number);
    }),
  );
});
