/**
 * For tests: a process's worth of server with GenerateDataKey and Decrypt and nothing else. It speaks the Connect
 * protocol in its binary form over plaintext HTTP/2, with messages so small that they are written by hand.
 */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";

/** One protobuf field of bytes. */
const bytesField = (number: number, value: Uint8Array): Buffer => Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);

const DATA_KEY = Buffer.alloc(32, 5);
const WRAPPED = Buffer.from("wrapped");

/** Listens on a loopback port of the system's choice. */
export async function serveDataKeys(): Promise<{ readonly endpoint: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => {
      response.setHeader("content-type", "application/proto");
      response.end(
        request.url.endsWith("/GenerateDataKey")
          ? Buffer.concat([bytesField(1, DATA_KEY), bytesField(2, WRAPPED)])
          : bytesField(1, DATA_KEY),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}
