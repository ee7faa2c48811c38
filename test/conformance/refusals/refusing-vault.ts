/**
 * The server that a file of refusals asks, with what the requests of requests.ts name, and the account of every refusal it
 * was asked for, which is compared with its audit log in the end.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { ErrorCode } from "@keystead/contract/errors";
import { Algorithm, ExportPolicy, KeyState } from "@keystead/contract/generated/hsm/hsm_pb";
import type { Operation } from "@keystead/contract/operation";
import { serve, type RunningServer } from "../running-server.ts";
import { ask, hangUp, type Answer, type Door, type Reply, type Surface } from "../surfaces.ts";
import { SECRET_NAME, assertRefusal } from "./refusal.ts";
import { DATA, requestOf, row, type Made } from "./requests.ts";

export const BODY_BYTES = 65_536;

/** What is done before an operation that works once: on a fresh key, brought to where the operation begins. */
type Steps = Readonly<Record<string, readonly (readonly [operation: string, more: object])[]>>;
const ONCE_A_KEY: Steps = {
  DeleteKey: [],
  ActivateKey: [],
  SuspendKey: [],
  ResumeKey: [["SuspendKey", {}]],
  DeactivateKey: [],
  RevokeKey: [],
  DestroyKey: [],
  CancelDestruction: [["DestroyKey", {}]],
  PurgeKey: [["DestroyKey", { delaySeconds: 0 }]],
  ApprovePurge: [["DestroyKey", { needsApproval: true }]],
};
/** The same for operations that work once on a namespace. */
const ONCE_A_NAMESPACE: Steps = {
  SuspendNamespace: [],
  ResumeNamespace: [["SuspendNamespace", {}]],
  DeleteNamespace: [],
  CancelNamespaceDeletion: [["DeleteNamespace", {}]],
  PurgeNamespace: [["DeleteNamespace", { delaySeconds: 0 }]],
};
/** Whether the operation is about a sink, which is of its vault's own naming. */
const aboutASink = ({ permission, method }: Operation): boolean => permission.startsWith("sink:") && "sinkId" in method.input.field;

/** Whether the request of requests.ts is refused, or uses up what others need, unless something is made for it first. */
export const needsItsOwn = (operation: Operation): boolean =>
  operation.name === "DeleteBudget" ||
  "sinkId" in operation.method.input.field ||
  ONCE_A_KEY[operation.name] !== undefined ||
  ONCE_A_NAMESPACE[operation.name] !== undefined;

/** A door under a request id of its own. */
interface Numbered {
  readonly door: Door;
  readonly id: string;
}

export interface RefusingVault {
  /** Only inside tests, as are the doors. */
  readonly server: RunningServer;
  /** The administrator's door, by certificate. */
  readonly admin: Door;
  /** The same door for callers who bring a token, or nothing. */
  readonly bearer: Door;
  /** What the server's tokens are minted with, as PEM. */
  readonly tokenKey: string;
  /** Asks over gRPC, by the administrator's door unless another is given, and demands success. */
  given(name: string, request: object, door?: Door): Promise<Reply>;
  /** A request that would be answered, were nothing else wrong; with what was made in the namespace at the beginning. */
  valid(operation: Operation, namespace?: string): Record<string, unknown>;
  /** One that is answered, about something of its own where the operation uses it up. */
  answerable(operation: Operation): Promise<Record<string, unknown>>;
  /** The door with a request id of its own, which the log can be searched for. */
  numbered(door: Door): Numbered;
  /** From now on the log must hold this in the end. */
  mustBeLogged(id: string, action: string, outcome: string): void;
  /** Asks and demands a refusal that the log has. */
  refused(
    surface: Surface,
    door: Door,
    operation: Operation,
    request: object,
    code: ErrorCode,
    what: string,
    under?: Numbered,
  ): Promise<Answer>;
  /** Registers the tests of what the server wrote meanwhile; the last line of a file. @param atLeast so many refusals were made */
  closeAccount(atLeast: number): void;
}

/** Registers the server's beginning and end with the tests of the file that calls this. */
export function refusingVault(): RefusingVault {
  let server: RunningServer;
  let admin: Door;
  let bearer: Door;
  let tokenKey: string;
  let counter = 0;
  let quietSink: string | undefined;
  const made = new Map<string, Made>();
  /** What the log must hold in the end: request id to operation and outcome. */
  const expected = new Map<string, { readonly action: string; readonly outcome: string }>();

  const given: RefusingVault["given"] = async (name, request, door = admin) => {
    const answer = await ask("gRPC", door, row(name), request as never);
    assert.ok(answer.ok, `${name}: ${answer.code} ${answer.detail}`);
    return answer.reply;
  };
  const numbered: RefusingVault["numbered"] = (door) => {
    counter += 1;
    const id = `refusal-${counter}`;
    return { door: { ...door, headers: { ...door.headers, "x-request-id": id } }, id };
  };
  const mustBeLogged: RefusingVault["mustBeLogged"] = (id, action, outcome) => void expected.set(id, { action, outcome });
  const valid: RefusingVault["valid"] = (operation, namespace = "") => requestOf(operation, namespace, made.get(namespace || "default"));

  const refused: RefusingVault["refused"] = async (surface, door, operation, request, code, what, under = numbered(door)) => {
    const answer = await ask(surface, under.door, operation, request as never);
    assertRefusal(answer, surface, code, `${operation.name}: ${what}`, under.id);
    mustBeLogged(under.id, operation.name, code);
    return answer;
  };

  const answerable: RefusingVault["answerable"] = async (operation) => {
    const { name } = operation;
    counter += 1;
    if (name === "DeleteBudget") {
      const { budget } = await given("SetBudget", { principal: `nobody-${counter}`, perDay: 1 });
      return { budgetId: budget["budget_id"] };
    }
    if (aboutASink(operation)) {
      // A sink is used up by its end alone.
      if (quietSink === undefined || name === "DeleteSink")
        quietSink = (await given("CreateSink", valid(row("CreateSink"))))["sink"]["sink_id"] as string;
      const sinkId = quietSink;
      if (name === "DeleteSink") quietSink = undefined;
      return { ...valid(operation), sinkId };
    }
    if (name === "DeleteScript") {
      const script = `doomed-${counter}`;
      await given("UploadScript", { ...valid(row("UploadScript")), script });
      return { script };
    }
    const ofNamespace = ONCE_A_NAMESPACE[name];
    if (ofNamespace !== undefined) {
      const namespace = `own-${counter}`;
      await given("CreateNamespace", { namespace });
      for (const [step, more] of ofNamespace) await given(step, { namespace, ...more });
      return { ...valid(operation), namespace };
    }
    const ofKey = ONCE_A_KEY[name];
    if (ofKey === undefined) return valid(operation);
    const staged = name === "ActivateKey" ? { state: KeyState.PRE_ACTIVATION } : {};
    const { key_id: keyId } = await given("GenerateKey", { algorithm: Algorithm.Ed25519, ...staged });
    for (const [step, more] of ofKey) await given(step, { keyId, ...more });
    return { ...valid(operation), keyId };
  };

  /** The keys that requests name, and what they made. */
  async function furnish(namespace: string): Promise<Made> {
    const bytes = (text: string): Buffer => Buffer.from(text, "base64");
    for (const keyId of ["signer", "turning", "doomed"]) await given("GenerateKey", { namespace, keyId, algorithm: Algorithm.Ed25519 });
    await given("GenerateKey", { namespace, keyId: "curve", algorithm: Algorithm.EcdsaP256 });
    const allowedMechanisms = ["RSA-PKCS1-BARE"];
    await given("GenerateKey", { namespace, keyId: "bare", algorithm: Algorithm.Rsa2048, attributes: { allowedMechanisms } });
    await given("GenerateKey", { namespace, keyId: "cipher", algorithm: Algorithm.Aes256Gcm });
    await given("GenerateKey", { namespace, keyId: "mac", algorithm: Algorithm.HmacSha256 });
    await given("GenerateKey", { namespace, keyId: "kem", algorithm: Algorithm.MlKem512 });
    await given("GenerateKey", { namespace, keyId: "turned", algorithm: Algorithm.Ed25519 });
    await given("RotateKey", { namespace, keyId: "turned" });
    await given("GenerateKey", { namespace, keyId: "agree", algorithm: Algorithm.X25519 });
    await given("GenerateKey", { namespace, keyId: "secret", algorithm: Algorithm.GenericSecret });
    await given("GenerateKey", { namespace, keyId: "wrapper", algorithm: Algorithm.Aes256Kwp });
    await given("GenerateKey", { namespace, keyId: "leaver", algorithm: Algorithm.HmacSha256, exportable: ExportPolicy.WRAPPED });
    const { wrapped_key: wrapped } = await given("WrapKey", { namespace, keyId: "wrapper", targetKeyId: "leaver" });
    const { ciphertext } = await given("Encrypt", { namespace, keyId: "cipher", plaintext: DATA });
    const letter = await given("HpkeSeal", { namespace, keyId: "agree", plaintext: DATA });
    return {
      ciphertext: bytes(ciphertext),
      letter: Buffer.concat([bytes(letter["encapsulated_key"]), bytes(letter["ciphertext"])]),
      wrappedKey: bytes(wrapped),
    };
  }

  before(async () => {
    server = await serve({
      config: {
        // What is due is left to the requests of the tests.
        lifecycle: { interval_seconds: 3600 },
        // There is always a checkpoint to ask for.
        audit: { checkpoint_events: 1 },
        server: { body_bytes: BODY_BYTES },
        logging: { level: "info" },
      },
    });
    tokenKey = server.credential("token-key.pem");
    bearer = { origin: server.api, ca: server.credential("ca.pem") };
    admin = { ...bearer, cert: server.credential("admin.pem"), key: server.credential("admin-key.pem") };
    for (const namespace of ["tenant-a", "tenant-b", "idle"]) await given("CreateNamespace", { namespace });
    // "idle" is about a key that does not exist: while it is enabled it judges nothing here.
    await given("UploadScript", valid(row("UploadScript")));
    await given("UploadScript", { ...valid(row("UploadScript")), script: "idle", scope: { keyIds: ["nobody"] } });
    for (const namespace of ["", "tenant-a", "tenant-b"]) made.set(namespace || "default", await furnish(namespace));
    await given("GenerateKey", { namespace: "tenant-b", keyId: SECRET_NAME, algorithm: Algorithm.Ed25519 });
    await given("CreateUser", { name: "taken" });
    await given("CreateServiceAccount", { name: "taken" });
    for (const namespace of ["", "tenant-a", "tenant-b"])
      await given("CreateToken", { namespace, label: `taken${namespace}`, soPin: Buffer.from("a long PIN") });
  });

  after(async () => {
    hangUp();
    assert.equal(await server.stop(), 0);
  });

  return {
    get server() {
      return server;
    },
    get admin() {
      return admin;
    },
    get bearer() {
      return bearer;
    },
    get tokenKey() {
      return tokenKey;
    },
    given,
    valid,
    answerable,
    numbered,
    mustBeLogged,
    refused,
    closeAccount(atLeast) {
      test("every refusal of this file that reached the vault is in the audit log, as a refusal, under its request id", async () => {
        const seen = new Map<string, { action: string; decision: string; outcome: string }>();
        let pageToken = "";
        do {
          const page = await given("GetAuditLog", { pageSize: 1000, pageToken });
          for (const event of page["events"]) seen.set(event.request_id, event);
          pageToken = page["next_page_token"];
        } while (pageToken !== "");
        assert.ok(expected.size >= atLeast, `${expected.size} refusals`);
        for (const [id, { action, outcome }] of expected) {
          const event = seen.get(id);
          assert.deepEqual([event?.action, event?.outcome], [action, outcome], id);
          if (outcome === "UNAUTHENTICATED" || outcome === "PERMISSION_DENIED") assert.equal(event?.decision, "refuse", id);
        }
      });

      test("no log line holds a token or a private key", () => {
        assert.doesNotMatch(server.output(), /eyJ[A-Za-z0-9_-]{10}|hunter2|PRIVATE KEY/);
      });
    },
  };
}
