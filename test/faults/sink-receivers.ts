/** Receivers for {@link sinkRounds}: real ones of syslog, NATS with JetStream, and Kafka where it is installed; one of OTLP. */
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KAFKA_MISSING, KafkaBroker } from "@keystead/connector/deliver/testing/kafka-broker";
import { NatsServer } from "@keystead/connector/deliver/testing/nats-server";
import { Rsyslog } from "@keystead/connector/deliver/testing/rsyslog";
import { newFolder } from "../server.ts";
import type { Receiver } from "./sink-rounds.ts";

const RECEIVERS: Readonly<Record<string, () => Promise<Receiver>>> = {
  async syslog() {
    const folder = newFolder();
    const server = await Rsyslog.start({ folder });
    return {
      name: "syslog",
      target: { syslog: { host: "127.0.0.1", port: server.port } },
      authority: server.authority,
      lines: () => Promise.resolve(server.messages().map((message) => message.slice(message.indexOf("\ufeff") + 1))),
      end: async () => {
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
  async nats() {
    const folder = newFolder();
    const server = await NatsServer.start({ folder });
    return {
      name: "nats",
      target: { nats: { host: "127.0.0.1", port: server.port, subject: "audit.events" } },
      authority: server.authority,
      lines: () => server.messages(),
      end: async () => {
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
  async kafka() {
    const server = await KafkaBroker.start();
    const topic = await server.newTopic();
    return {
      name: "kafka",
      target: { kafka: { brokers: [`localhost:${server.port}`], topic } },
      authority: server.authority,
      lines: async () => (await server.records(topic)).map(({ value }) => value),
      end: () => server.end(),
    };
  },
  async otlp() {
    const lines: string[] = [];
    const server = createServer(async (asked, reply) => {
      const { resourceLogs } = JSON.parse(Buffer.concat(await asked.toArray()).toString()) as LogsRequest;
      for (const { scopeLogs } of resourceLogs)
        for (const { logRecords } of scopeLogs) lines.push(...logRecords.map(({ body }) => body.stringValue));
      reply.writeHead(200, { "content-type": "application/json" }).end("{}");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      name: "otlp",
      target: { otlp_logs: { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs` } },
      lines: () => Promise.resolve(lines),
      async end() {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      },
    };
  },
};

/** ExportLogsServiceRequest as JSON, as far as it is read here. */
interface LogsRequest {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly { readonly logRecords: readonly { readonly body: { readonly stringValue: string } }[] }[];
  }[];
}

/** Begins one of each kind. */
export async function receiversOfEachKind(): Promise<Receiver[]> {
  const begun: Receiver[] = [];
  try {
    for (const [kind, begin] of Object.entries(RECEIVERS)) if (kind !== "kafka" || KAFKA_MISSING === false) begun.push(await begin());
  } catch (error) {
    for (const { end } of begun) await end();
    throw error;
  }
  return begun;
}
