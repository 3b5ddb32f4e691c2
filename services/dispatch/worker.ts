/// <reference lib="deno.worker" />
import { configureLog } from "../../lib/log/mod.ts";
import { serveTcp, type TcpServer } from "../../lib/net/mod.ts";
import type { FromWorker, ToWorker } from "./parts.ts";
import { echo } from "./protocol.ts";

/** The program of one thread: a loop of its own at a port that it shares. */
let server: TcpServer | undefined;
const cut = new AbortController();

function tell(message: FromWorker): void {
  self.postMessage(message);
}

/** Hands the log over, line by line, to the thread that writes it. */
const writer = {
  write(bytes: Uint8Array): Promise<number> {
    for (const logged of new TextDecoder().decode(bytes).trimEnd().split("\n")) tell({ logged });
    return Promise.resolve(bytes.length);
  },
};

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  if (data === "cut") cut.abort();
  if (data === "cut" || data === "shutdown") return tell({ report: await server!.shutdown() });
  try {
    await configureLog({ format: "json", level: data.serve.level, writer });
    server = serveTcp({ ...data.serve, reusePort: true, signal: cut.signal }, echo);
    tell({ addr: server.addr });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(Deno.inspect(error));
    tell({ failed: { name, message } });
  }
};
