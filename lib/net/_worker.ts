/// <reference lib="deno.worker" />
import { configureLog } from "../log/mod.ts";
import type { FromWorker, ToWorker } from "./parts.ts";
import type { ServeTcpOptions, TcpServer } from "./serve_tcp.ts";

/** The program of one thread: a server of its own, at a port that it shares. */
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
  if (data === "cut" || data === "shutdown") {
    const { finished, cut } = await server!.shutdown();
    // All workers have the memory of one process, which counts once.
    return tell({ report: { finished, cut, memory: 0, closed: [...server!.closed] } });
  }
  const { program, options: { level, ...options } } = data;
  try {
    await configureLog({ format: "json", level, writer });
    const module: Record<string, (options: ServeTcpOptions) => TcpServer | Promise<TcpServer>> = await import(
      program.module
    );
    server = await module[program.serve]!({ ...options, signal: cut.signal });
    tell({ addr: server.addr });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(Deno.inspect(error));
    tell({ failed: { name, message } });
  }
};
