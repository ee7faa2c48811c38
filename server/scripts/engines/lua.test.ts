import assert from "node:assert/strict";
import { test } from "node:test";
import { SCRIPT_LIMITS, type ScriptLimits } from "@keystead/contract/scripts";
import { ScriptFailed, type FailureReason, type Prepared } from "../engine.ts";
import { ModuleRefused } from "../wasm/bytes.ts";
import { luaEngine } from "./lua.ts";

/** This process has the usual stack of Node, less than scripts are given where they run. */
const LIMITS = { ...SCRIPT_LIMITS.default, stackBytes: 524_288 };
const prepared = (source: string, limits: ScriptLimits = LIMITS): Prepared =>
  luaEngine.prepare(Uint8Array.from(Buffer.from(source)), limits);
const CONTEXT = Buffer.from(
  JSON.stringify({
    operation: "Sign",
    principal: { roles: ["KeyUser", "Operator"] },
    environment: { hour: 14, ratio: 0.5 },
    payload: { json: { amount: 900, deep: { empty: [], text: "zwölf \u0000 ok" } } },
    simulate: false,
    nothing: null,
  }),
);

/** What `evaluate` comes to with this body. */
const decided = (body: string) => prepared(`function evaluate(context) ${body} end`).decide(CONTEXT);

function failure(script: Prepared): ScriptFailed {
  try {
    script.decide(CONTEXT);
  } catch (error) {
    assert.ok(error instanceof ScriptFailed, String(error));
    return error;
  }
  return assert.fail("it came to a decision");
}

/** It is stopped for this reason, each time with the same fuel, and the next decision is not disturbed. */
function stopped(source: string, reason: FailureReason, message?: RegExp): void {
  const script = prepared(source);
  const first = failure(script);
  const second = failure(script);
  assert.deepEqual([first.reason, second.reason], [reason, reason], first.message);
  assert.equal(first.fuel, second.fuel);
  if (message !== undefined) assert.match(first.message, message);
}

test("a script answers allow, deny or require-approval, and anything else is no decision", () => {
  for (const word of ["allow", "deny", "require-approval"]) assert.equal(decided(`return "${word}"`).decision, word);
  for (const answer of ["", "return nil", "return true", "return 1", 'return "ALLOW"', 'return {"allow"}', 'return "allow\\0"'])
    stopped(`function evaluate(context) ${answer} end`, "answer");
});

test("the context is a table of what the JSON says", () => {
  const said = `context.operation == "Sign" and #context.principal.roles == 2 and context.principal.roles[2] == "Operator"
    and context.environment.hour == 14 and math.type(context.environment.hour) == "integer" and context.environment.ratio == 0.5
    and context.payload.json.amount == 900 and context.simulate == false and context.nothing == nil
    and #context.payload.json.deep.empty == 0 and context.payload.json.deep.text == "zwölf \\0 ok"`;
  assert.equal(decided(`return (${said}) and "allow" or "deny"`).decision, "allow");
});

test("the same script and context use the same fuel every time, in every interpreter", () => {
  const source = `local seen = 0
    function evaluate(context)
      for name, value in pairs(context) do seen = seen + #name + #tostring(value) end
      local text = string.format("%5.2f %s", 1 / 3, ("x"):rep(100)):gsub("x", "yz")
      return seen > 0 and #text > 0 and "allow" or "deny"
    end`;
  const figures = [prepared(source), prepared(source)].flatMap((script) => Array.from({ length: 50 }, () => script.decide(CONTEXT).fuel));
  assert.deepEqual(new Set(figures).size, 1);
});

test("nothing is left of one decision in the next", () => {
  const script = prepared(`count = 0
    function evaluate(context) count = count + 1; context.operation = nil; string.x = 1; return count == 1 and "allow" or "deny" end`);
  for (let round = 0; round < 20; round++) assert.equal(script.decide(CONTEXT).decision, "allow");
});

test("a decision after one that failed, anywhere, uses the fuel of one in a new interpreter", () => {
  const source = `local seen = {}
    function evaluate(context)
      if context.fail == "fuel" then while true do seen[#seen + 1] = {} end end
      if context.fail == "error" then seen.x = 1; error(("x"):rep(1000)) end
      if context.fail == "memory" then return ("x"):rep(1 << 30) end
      if context.fail == "deep" then return select("#", ("x"):rep(100000):gsub(".", function(c) return context.fail and c .. error("in the library") end)) end
      for name, value in pairs(context) do seen[name] = tostring(value) end
      return "allow"
    end`;
  const good = Buffer.from('{"a":1,"b":[1,2],"c":"text"}');
  const fresh = prepared(source).decide(good);
  const used = prepared(source);
  for (const fail of ["fuel", "error", "memory", "deep"]) {
    assert.throws(() => used.decide(Buffer.from(JSON.stringify({ fail }))), ScriptFailed, fail);
    assert.deepEqual(used.decide(good), fresh, fail);
  }
});

test("a decision that took more memory does not change the next", () => {
  const script = prepared(`function evaluate(context) local s = ("0123456789"):rep(200000) return #s == 2000000 and "allow" or "deny" end`);
  const figures = Array.from({ length: 4 }, () => script.decide(CONTEXT).fuel);
  assert.equal(new Set(figures).size, 1, String(figures));
});

test("making ready between decisions changes nothing, also after memory has grown", () => {
  const source = `function evaluate(context)
    if context.big then local s = ("0123456789"):rep(200000) end
    return tostring(seen) == "nil" and "allow" or "deny", rawset(_G, "seen", 1)
  end`;
  const [settled, plain] = [prepared(source), prepared(source)];
  for (const context of ["{}", '{"big":true}', "{}", "{}", '{"big":true}', '{"big":true}']) {
    settled.settle?.();
    settled.settle?.();
    assert.deepEqual(settled.decide(Buffer.from(context)), plain.decide(Buffer.from(context)));
  }
});

test("loops without end run out of fuel, also inside pcall and inside patterns", () => {
  stopped("function evaluate() while true do end end", "fuel");
  stopped("function evaluate() while true do pcall(function() while true do end end) end end", "fuel");
  stopped(`function evaluate() return ("x"):rep(100000):find((".-"):rep(20) .. "y") end`, "fuel");
  stopped("function evaluate() for i = 1, 1e15 do end end", "fuel");
  stopped(
    "function evaluate() local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) return t[1] end",
    "error",
    /overflow/,
  );
});

test("what the interpreter calls by itself is counted too: collectors, ends of blocks, operators, comparisons", () => {
  const hook = (name: string): string => `setmetatable({}, { ${name} = function() while true do end end })`;
  stopped(`function evaluate() local x = ${hook("__gc")} x = nil for i = 1, 1e9 do local t = {} end end`, "fuel");
  stopped(`function evaluate() do local x <close> = ${hook("__close")} end return "allow" end`, "fuel");
  stopped(`function evaluate() return ${hook("__index")}.x end`, "fuel");
  stopped(`function evaluate() return #tostring(${hook("__tostring")}) end`, "fuel");
  stopped("function evaluate() table.sort({ 1, 2, 3 }, function() while true do end end) end", "fuel");
  stopped("function evaluate() while true do pcall(error, {}) end end", "fuel");
  stopped("function evaluate() return table.unpack({}, 1, 9e5) end", "fuel");
  stopped("function evaluate() table.move({}, 1, 1e9, 2) end", "fuel");
  stopped("function evaluate() while true do (''):rep(1e9) end end", "fuel");
  // What is returned is not asked what it is: only a string is a decision.
  stopped('function evaluate() return setmetatable({}, { __tostring = function() return "allow" end }) end', "answer");
  stopped(`function evaluate() error(${hook("__tostring")}) end`, "error", /no text/);
});

test("what a script does to all strings, to its globals or to the library is undone", () => {
  const script = prepared(`function evaluate(context)
    local whole = ("a"):upper() == "A" and rawequal(getmetatable(_G), nil) and type(table.concat) == "function"
    getmetatable("").__index = { upper = function() return "z" end }
    setmetatable(_G, { __index = function() return "allow" end })
    table.concat, string.upper, pcall, evaluate = nil, nil, nil, nil
    return whole and "allow" or "deny"
  end`);
  const verdicts = Array.from({ length: 5 }, () => script.decide(CONTEXT));
  for (const verdict of verdicts) assert.deepEqual(verdict, { decision: "allow", fuel: verdicts[0]?.fuel });
});

test("numbers that are none and the order of a table are the same in every interpreter", () => {
  const source = `function evaluate()
    local nan, order = 0 / 0, ""
    for key in pairs({ a = 1, b = 2, [1.5] = 3, [true] = 4, [evaluate] = 5, [{}] = 6 }) do order = order .. type(key) end
    error(string.format("%s %s %q %s %s", nan, -nan, string.pack("d", nan), order, tostring({})))
  end`;
  assert.equal(failure(prepared(source)).message, failure(prepared(source)).message);
});

test("a context of objects within objects is read, or refused for its depth", () => {
  const script = prepared('function evaluate() return "allow" end');
  const nested = (depth: number): Buffer => Buffer.from(`{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`);
  assert.equal(script.decide(nested(199)).decision, "allow");
  for (const depth of [200, 30_000]) assert.throws(() => script.decide(nested(depth)), { name: "ScriptFailed", message: /200 deep/ });
  assert.equal(script.decide(nested(100)).decision, "allow");
});

test("memory ends at the limit", () => {
  stopped(`function evaluate() return ("x"):rep(1 << 30) end`, "memory");
  stopped(`function evaluate() local s = "x" while true do s = s .. s end end`, "memory");
  stopped(`function evaluate() return string.format("%99d", 1):rep(1 << 20) end`, "memory");
});

test("recursion ends, in Lua and through the library", () => {
  stopped("local function f() return 1 + f() end function evaluate() return f() end", "fuel");
  stopped(`local function f() return ("a"):gsub("a", f) end function evaluate() return f() end`, "error", /overflow/);
});

test("errors that are caught leave nothing on the stack", () => {
  const source = `function evaluate() for i = 1, 3000 do pcall(error, "x") end return "allow" end`;
  assert.equal(prepared(source, { ...LIMITS, fuel: 100_000_000 }).decide(CONTEXT).decision, "allow");
});

test("an error of the script is told in Lua's words", () => {
  stopped(`function evaluate() error("not like this") end`, "error", /policy:1: not like this/);
  stopped("function evaluate(context) return context.missing.more end", "error", /index a nil value/);
  stopped("function evaluate() error({}) end", "error", /no text/);
});

test("nothing that reads code, files, clocks or random numbers is there", () => {
  const names = [
    "os",
    "io",
    "debug",
    "package",
    "require",
    "load",
    "loadfile",
    "dofile",
    "loadstring",
    "collectgarbage",
    "print",
    "coroutine",
  ];
  for (const name of [...names.map((one) => `_G.${one}`), "string.dump", "math.random", "math.randomseed"])
    assert.equal(decided(`return ${name} == nil and "allow" or "deny"`).decision, "allow", name);
});

test("what cannot be a policy is refused when it is uploaded", () => {
  const refused = (source: string | Uint8Array, reason: RegExp): void =>
    assert.throws(
      () => luaEngine.prepare(Uint8Array.from(Buffer.from(source)), LIMITS),
      (error) => error instanceof ModuleRefused && reason.test(error.message),
    );
  refused("function evaluate( return end", /policy:1/);
  refused("x = 1", /no function evaluate/);
  refused("while true do end", /fuel/);
  refused(`error("at load")`, /at load/);
  refused(Buffer.from("\u001bLuaT"), /binary chunk/);
});
