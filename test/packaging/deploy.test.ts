/**
 * The dashboard and the alert rules of deploy/ against the table of series: every query parses by Prometheus' own grammar,
 * and asks for series and labels that there are. promtool judges the rules and runs their tests.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { SyntaxNode } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";
import { parse as parseYaml } from "yaml";
import { METRIC_NAMES, metricRow, type MetricName } from "@keystead/contract/metrics";

const ROOT = join(import.meta.dirname, "../..");
const RULES = join(ROOT, "deploy/prometheus/keystead.rules.yaml");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

const rules = (parseYaml(readFileSync(RULES, "utf8")) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(ROOT, "deploy/grafana/keystead.json"), "utf8")) as Dashboard;

/** Labels that a scraper adds. */
const SCRAPED = ["instance", "job"];

/** The labels a series has, or undefined when there is no such series. */
function labelsOf(series: string): readonly string[] | undefined {
  const exact = METRIC_NAMES.find((name) => name === series);
  if (exact !== undefined) return [...metricRow(exact).labels, ...(metricRow(exact).type === "summary" ? ["quantile"] : []), ...SCRAPED];
  const summary = METRIC_NAMES.find((name) => metricRow(name).type === "summary" && [`${name}_sum`, `${name}_count`].includes(series));
  return summary === undefined ? undefined : [...metricRow(summary).labels, ...SCRAPED];
}

interface Query {
  readonly series: ReadonlySet<string>;
  /** What is wrong with it. */
  readonly mistakes: readonly string[];
}

/** Reads a query by Prometheus' grammar. */
function read(expression: string): Query {
  const mistakes: string[] = [];
  const series = new Set<string>();
  const text = ({ from, to }: SyntaxNode): string => expression.slice(from, to);
  const visit = (node: SyntaxNode): void => {
    if (node.type.isError) mistakes.push(`cannot be read at ${node.from}`);
    if (node.name === "VectorSelector") {
      const identifier = node.getChild("Identifier");
      const name = identifier === null ? "" : text(identifier);
      series.add(name);
      const known = labelsOf(name);
      if (known === undefined) mistakes.push(`there is no series ${name}`);
      for (const label of under(node, "LabelName").map(text))
        if (known?.includes(label) === false) mistakes.push(`${name} has no label ${label}`);
    }
    if (node.name === "GroupingLabels") {
      const within = new Set(
        under(node.parent?.parent as SyntaxNode, "VectorSelector").flatMap(
          (one) => labelsOf(text(one.getChild("Identifier") as SyntaxNode)) ?? [],
        ),
      );
      for (const label of under(node, "LabelName").map(text)) if (!within.has(label)) mistakes.push(`nothing in it has the label ${label}`);
    }
    for (let child = node.firstChild; child !== null; child = child.nextSibling) visit(child);
  };
  visit(parser.parse(expression).topNode);
  return { series, mistakes };
}

function under(node: SyntaxNode, name: string): SyntaxNode[] {
  const found = node.name === name ? [node] : [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(...under(child, name));
  return found;
}

/** Labels that a text for people mentions. */
const mentioned = (text: string, form: RegExp): string[] => [...text.matchAll(form)].map(([, label]) => label as string);

const has = (query: Query, label: string): boolean => [...query.series].some((name) => labelsOf(name)?.includes(label));

test("this reader finds what is wrong with a query", () => {
  for (const [expression, mistake] of [
    ["rate(hsm_operations_total[5m]", /cannot be read/],
    ["rate(hsm_operation_total[5m])", /there is no series hsm_operation_total/],
    ['hsm_operations_total{status="success"}', /no label status/],
    ["sum by (surface) (hsm_operations_total)", /nothing in it has the label surface/],
    ["hsm_audit_batches_total_sum", /there is no series/],
  ] as const)
    assert.match(read(expression).mistakes.join(), mistake, expression);
  assert.deepEqual(read("sum by (operation, le) (rate(hsm_operation_duration_seconds_bucket[5m])) > 1").mistakes, []);
});

for (const { alert, expr, annotations, labels } of rules) {
  test(`the rule ${alert} asks for series and labels that there are`, () => {
    const query = read(expr);
    assert.deepEqual(query.mistakes, []);
    assert.ok(query.series.size > 0);
    assert.ok(["critical", "warning"].includes(labels.severity));
    for (const label of mentioned(annotations.summary, /\$labels\.(\w+)/g)) assert.ok(has(query, label), label);
  });
}

for (const { title, targets = [] } of dashboard.panels) {
  test(`the panel "${title}" asks for series and labels that there are`, () => {
    for (const { expr, legendFormat } of targets) {
      // What Grafana puts there itself.
      const query = read(expr.replaceAll("$__rate_interval", "5m"));
      assert.deepEqual(query.mistakes, []);
      for (const label of mentioned(legendFormat, /\{\{(\w+)\}\}/g)) assert.ok(has(query, label), label);
      const known = new Set(dashboard.templating.list.map(({ name }) => name));
      for (const variable of mentioned(expr.replaceAll("$__rate_interval", ""), /\$(\w+)/g)) assert.ok(known.has(variable), variable);
    }
  });
}

test("the dashboard's variables are values of labels that there are, and no two panels lie on each other", () => {
  for (const { definition } of dashboard.templating.list) {
    if (definition === undefined) continue;
    const [, series = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
    assert.ok(labelsOf(series)?.includes(label), definition);
  }
  const taken = new Set<string>();
  for (const {
    title,
    gridPos: { x, y, w, h },
  } of dashboard.panels)
    for (let column = x; column < x + w; column += 1)
      for (let line = y; line < y + h; line += 1) {
        const cell = `${column},${line}`;
        assert.ok(column < 24 && !taken.has(cell), `${title} at ${cell}`);
        taken.add(cell);
      }
});

test("what must never go unseen has a rule", () => {
  const asked = new Set(rules.flatMap(({ expr }) => [...read(expr).series]));
  const needed: readonly MetricName[] = [
    "hsm_audit_integrity_violations_total",
    "hsm_vault_connected",
    "hsm_vault_phase",
    "hsm_approval_overrides_total",
    "hsm_disk_free_bytes",
    "hsm_auth_failures_total",
    "hsm_tls_certificate_expiry_timestamp_seconds",
  ];
  for (const name of needed) assert.ok(asked.has(name), name);
});

const promtool = (...args: readonly string[]) => spawnSync("promtool", args, { encoding: "utf8", cwd: join(ROOT, "deploy/prometheus") });
const skip = promtool("--version").status === 0 ? false : "promtool is not there";

test("promtool finds nothing wrong with the rules, and their tests pass", { skip }, () => {
  for (const args of [
    ["check", "rules", "keystead.rules.yaml"],
    ["test", "rules", "keystead.rules.test.yaml"],
  ]) {
    const { status, stdout, stderr } = promtool(...args);
    assert.equal(status, 0, stdout + stderr);
  }
});
