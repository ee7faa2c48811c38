/** The plaintext doors of development: who is kept out of them, and what still works as in the oldest system. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { openssl, opensslAccepts } from "../openssl.ts";
import { ROOT, serveInVain } from "../running-server.ts";
import { SURFACES, ask, http, type Door } from "../surfaces.ts";
import { refusingVault } from "./refusing-vault.ts";
import { COMES_TO_NOTHING, OPEN, row } from "./requests.ts";

const vault = refusingVault();
const { answerable, given, refused, valid } = vault;

/** The first line of the answer to bytes that no HTTP library would send. */
function overSocket(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.on("error", reject).on("close", () => resolve(""));
    socket.setEncoding("latin1").once("data", (text: string) => {
      resolve(text.slice(0, text.indexOf("\r\n")));
      socket.destroy();
    });
  });
}

const DEVELOPMENT_DOORS = ["developmentGrpc", "health"] as const;

test("the plaintext listeners refuse a foreign Host, any Origin and cross-site fetches, on every path", async () => {
  for (const name of DEVELOPMENT_DOORS) {
    const port = String(vault.server.addresses[name]).split(":").at(-1);
    const door: Door = { origin: `http://127.0.0.1:${port}` };
    const paths = ["/api/v1/keys", "/api/v1/status", "/openapi.json", ...(name === "health" ? ["/generate_key"] : [])];
    for (const path of paths) {
      for (const headers of [
        { host: "rebound.example" },
        { host: `rebound.example:${port}` },
        { host: `127.0.0.1.rebound.example:${port}` },
        { origin: "http://localhost" },
        { origin: "null" },
        { origin: `http://127.0.0.1:${port}` },
        { "sec-fetch-site": "cross-site" },
        { "sec-fetch-site": "same-site" },
      ] as Record<string, string>[]) {
        const answer = await http(door, "GET", path, headers);
        assert.ok(answer.status === 403 || answer.status === 400, `${path} ${JSON.stringify(headers)}: ${answer.status}`);
        assert.doesNotMatch(answer.body.toString(), /key_id/);
      }
      const good = await http(door, "GET", path, { host: `localhost:${port}` });
      assert.equal(good.status, 200, `${name} ${path}`);
    }
    for (const request of [
      `GET /api/v1/status HTTP/1.0\r\n\r\n`,
      `GET /api/v1/status HTTP/1.1\r\nHost:\r\n\r\n`,
      `GET http://rebound.example/api/v1/status HTTP/1.1\r\nHost: rebound.example\r\n\r\n`,
    ]) {
      assert.match(await overSocket(Number(port), request), /^HTTP\/1\.1 40[03] /, `${name}: ${request}`);
    }
    const post = await http(
      door,
      "POST",
      "/hsm.HsmService/GetStatus",
      { "content-type": "application/json", origin: "http://evil.example" },
      "{}",
    );
    assert.equal(post.status, 403);
  }
});

test("who comes in without a login may do everything but close the vault for everybody, or change its keys", async () => {
  const door: Door = { origin: `http://${vault.server.addresses["developmentGrpc"]}` };
  for (const name of ["Seal", "RekeyVault"])
    for (const surface of SURFACES)
      await refused(surface, door, row(name), valid(row(name)), "PERMISSION_DENIED", "the development principal");
  for (const operation of OPEN.filter(({ name }) => !["Seal", "CreateNamespace", "RekeyVault"].includes(name))) {
    const answer = await ask("REST", door, operation, (await answerable(operation)) as never);
    const nothing = COMES_TO_NOTHING[operation.name];
    assert.ok(answer.ok || answer.code === nothing, `${operation.name}: ${answer.code} ${answer.detail}`);
  }
});

test("/generate_key of the oldest system answers with a key id on the development port, and nowhere else", async () => {
  const door: Door = { origin: `http://${vault.server.addresses["health"]}` };
  const answer = await http(door, "GET", "/generate_key");
  const body = JSON.parse(answer.body.toString()) as Record<string, string>;
  assert.deepEqual([answer.status, Object.keys(body)], [200, ["key_id"]]);
  assert.equal((await given("GetKey", { keyId: body["key_id"] }))["key"].algorithm, "Ed25519");
  assert.equal((await http(vault.admin, "GET", "/generate_key")).status, 404);
});

test("no preset but development can switch the plaintext listeners on", async () => {
  for (const preset of ["production", "test"]) {
    const { status, said } = await serveInVain({ preset: preset as "test", args: ["--set", "development.plaintext=true"] });
    assert.equal(status, 2, said);
    assert.match(said, /development\.plaintext/);
  }
});

const found = (command: string): boolean =>
  [...String(process.env["PATH"]).split(delimiter), join(ROOT, ".keystead/bin")].some((folder) => existsSync(join(folder, command)));

test(
  "the three grpcurl commands of the older system run word for word, and openssl accepts the signature",
  { skip: !found("grpcurl") && process.env["CI"] !== "true" && "grpcurl is not installed" },
  async () => {
    const port = String(vault.server.addresses["developmentGrpc"]).split(":").at(-1);
    const run = (command: string): string =>
      execFileSync("sh", ["-c", command.replace("localhost:50051", `localhost:${port}`)], {
        encoding: "utf8",
        env: { ...process.env, PATH: `${join(ROOT, ".keystead/bin")}:${process.env["PATH"]}` },
      });
    const made = JSON.parse(
      run(`grpcurl -plaintext -d '{
  "namespace": "default",
  "key_id": "signing-key-1",
  "algorithm": "Ed25519"
}' localhost:50051 hsm.HsmService/GenerateKey`),
    ) as { keyId: string; publicKey: string };
    assert.equal(made.keyId, "signing-key-1");
    const { signature } = JSON.parse(
      run(`grpcurl -plaintext -d '{
  "namespace": "default",
  "key_id": "signing-key-1",
  "data": "SGVsbG8gV29ybGQ="
}' localhost:50051 hsm.HsmService/Sign`),
    ) as { signature: string };
    const verified = JSON.parse(
      run(
        `grpcurl -plaintext -d '{
  "namespace": "default",
  "key_id": "signing-key-1",
  "data": "SGVsbG8gV29ybGQ=",
  "signature": "<base64-signature>"
}' localhost:50051 hsm.HsmService/Verify`.replace("<base64-signature>", signature),
      ),
    ) as { valid: boolean };
    assert.equal(verified.valid, true);
    const accepts = (data: string): boolean =>
      opensslAccepts(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "{key}", "-in", "{data}", "-sigfile", "{signature}"], {
        key: made.publicKey,
        data,
        signature: Buffer.from(signature, "base64"),
      });
    assert.equal(accepts("Hello World"), true);
    assert.equal(accepts("Hello world"), false);
    assert.ok(openssl(["version"]).length > 0);
  },
);

vault.closeAccount(10);
