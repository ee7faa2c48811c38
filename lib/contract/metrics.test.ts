import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricsRegistry } from "./metrics.ts";

test("a counter is printed with its help, type and labels", () => {
  const registry = new MetricsRegistry();
  const requests = registry.counter("x_total", "Requests\nand \\ more.", ["surface", "code"]);
  requests("rest", "OK").add();
  requests("rest", "OK").add(2);
  assert.equal(
    registry.render(),
    '# HELP x_total Requests\\nand \\\\ more.\n# TYPE x_total counter\nx_total{surface="rest",code="OK"} 3\n',
  );
});

test("label values are escaped", () => {
  const registry = new MetricsRegistry();
  registry.counter("x_total", "x", ["name"])('a"b\\c\nd').add();
  assert.match(registry.render(), /x_total\{name="a\\"b\\\\c\\nd"\} 1\n/);
});

test("what exceeds the bound of label sets is counted under other", () => {
  const registry = new MetricsRegistry();
  const names = registry.counter("x_total", "x", ["name"]);
  for (let index = 0; index < 2_500; index += 1) names(`n${index}`).add();
  const text = registry.render();
  assert.match(text, /x_total\{name="other"\} 500\n/);
  assert.ok(text.split("\n").length < 2_010);
});

test("gauges are asked when they are read", () => {
  const registry = new MetricsRegistry();
  let value = 1;
  registry.gauge("g", "g", () => value);
  registry.gauge("h", "h", () => [
    [{ part: "a" }, 1],
    [{ part: "b" }, 2],
  ]);
  registry.observedCounter("c_total", "c", () => 9);
  value = 5;
  assert.match(registry.render(), /^g 5$/m);
  assert.match(registry.render(), /^h\{part="b"\} 2$/m);
  assert.match(registry.render(), /# TYPE c_total counter\nc_total 9\n/);
});

test("a histogram counts what is at most its bound, cumulatively, with sum and count", () => {
  const registry = new MetricsRegistry();
  const seconds = registry.histogram("d", "d", [0.1, 1, 10], ["op"]);
  for (const value of [0.1, 0.5, 1, 5, 50]) seconds("Sign").observe(value);
  const text = registry.render();
  for (const line of [
    'd_bucket{op="Sign",le="0.1"} 1',
    'd_bucket{op="Sign",le="1"} 3',
    'd_bucket{op="Sign",le="10"} 4',
    'd_bucket{op="Sign",le="+Inf"} 5',
    'd_count{op="Sign"} 5',
  ])
    assert.ok(text.includes(`${line}\n`), line);
  assert.match(text, /d_sum\{op="Sign"\} 56\.6/);
});

test("quantiles are at most 15 percent above the truth", () => {
  const registry = new MetricsRegistry();
  const seconds = registry.histogram("d", "d", []);
  for (let index = 1; index <= 1_000; index += 1) seconds().observe(index / 1_000);
  const text = registry.render();
  for (const [quantile, truth] of [
    ["0.5", 0.5],
    ["0.9", 0.9],
    ["0.99", 0.99],
  ] as const) {
    const value = Number(new RegExp(`d\\{quantile="${quantile}"\\} (\\S+)`).exec(text)?.[1]);
    assert.ok(value >= truth && value <= truth * 1.15 + 1e-9, `${quantile}: ${value}`);
  }
});
