/// <reference lib="deno.worker" />
import { serveTcp, type TcpServer } from "../../lib/net/mod.ts";
import type { FromWorker, ToWorker } from "./parts.ts";
import { echo } from "./protocol.ts";

/** The program of one thread: a loop of its own at a port that it shares. */
let server: TcpServer | undefined;

function tell(message: FromWorker): void {
  self.postMessage(message);
}

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if (data === "shutdown") return tell({ report: await server!.shutdown() });
  try {
    server = serveTcp({ ...data.serve, reusePort: true }, echo);
    tell({ addr: server.addr });
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : Deno.inspect(error) });
  }
};
