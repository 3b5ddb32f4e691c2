import type { RelayedRecord } from "../../lib/log/mod.ts";
import { CommandError } from "../../lib/cli/mod.ts";
import { encodeText, FrameDecoderStream, lines, text } from "../../lib/framing/mod.ts";
import {
  after,
  formatAddress,
  isLoopback,
  type ListenAddress,
  type StartWorker,
  type WorkerOptions,
  type WorkerReport,
} from "../../lib/net/mod.ts";

/** How long a process may take to notice that it is cut, in milliseconds. */
const CUT_TIMEOUT = 1500;

/** JSON has no `Infinity`, which limits that are off are set to. */
const NO_LIMIT = "Infinity";

function formatWorkerOptions({ sharedCounts: _, ...options }: WorkerOptions): string {
  return JSON.stringify(options, (_, value) => value === Infinity ? NO_LIMIT : value);
}

/** Reads what {@linkcode startProcess} tells a process. */
export function parseWorkerOptions(line: string): WorkerOptions {
  return JSON.parse(line, (_, value) => value === NO_LIMIT ? Infinity : value);
}

/** Starts a process that serves: it shares nothing, and its end is nobody else's. */
export const startProcess: StartWorker = async (options, logged) => {
  const { hostname = "127.0.0.1", port, level } = options;
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "-P=dispatch-server", ...await grantsFor(hostname, port)],
      // It says at this level where it listens, and at its end what became of it.
      ...[new URL("./server.ts", import.meta.url).href, "--worker", "--log", "json", "--log-level", "info"],
      // Only for what it says when it cannot listen.
      ...["--host", hostname, "--port", String(port)],
    ],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  // Its end tells the process that this one is gone, however it went.
  const stdin = process.stdin.getWriter();
  await stdin.write(encodeText(formatWorkerOptions(options) + "\n"));
  const listening = Promise.withResolvers<ListenAddress>();
  let report: WorkerReport = { finished: 0, cut: 0, memory: 0 };
  let asked = false;
  const finished = (async () => {
    let last = "";
    for await (const line of process.stderr.pipeThrough(new FrameDecoderStream(text(lines())))) {
      last = line;
      const record = recordIn(line);
      if (record === undefined) continue;
      const { message, properties } = record;
      if (/^Listening at/.test(String(message[0]))) listening.resolve(addressIn(String(properties["address"])));
      else if ("memory" in properties) report = properties as unknown as WorkerReport;
      else if (level === "info" || record.level !== "info") logged(record);
    }
    const { code } = await process.status;
    await stdin.close().catch(() => {});
    if (asked) return;
    throw last.startsWith(OWN_ERROR)
      ? new CommandError(last.slice(OWN_ERROR.length))
      : new Error(`A process ended with exit code ${code}`);
  })();
  finished.catch(listening.reject);
  return {
    addr: await listening.promise,
    finished,
    async shutdown() {
      asked = true;
      stop(process);
      await finished.catch(() => {});
      return report;
    },
    cut() {
      asked = true;
      stop(process); // The second request, which it does not drain for.
      const cancel = after(CUT_TIMEOUT, () => stop(process, "SIGKILL"));
      finished.catch(() => {}).then(cancel);
    },
  };
};

/** The record in a line of the log, if there is one: a runtime that dies says other things. */
function recordIn(line: string): RelayedRecord | undefined {
  try {
    const { time, level, who: _, message, ...properties } = JSON.parse(line);
    return { level, timestamp: Date.parse(time), message: [message], rawMessage: message, properties };
  } catch {
    return undefined;
  }
}

/** How the one line begins in which a process says why it failed. */
const OWN_ERROR = "dispatch:server: ";

/** What a process needs to listen where its set does not allow it, if this one is allowed to. */
async function grantsFor(hostname: string, port: number): Promise<string[]> {
  if (isLoopback(hostname)) return [];
  const address = formatAddress({ hostname, port });
  for (const host of [address.slice(0, address.lastIndexOf(":")), address]) {
    const { state } = await Deno.permissions.query({ name: "net", host });
    if (state === "granted") return [`--allow-net=${host}`];
  }
  return [];
}

/** The address that a server says it listens at. */
function addressIn(shown: string): ListenAddress {
  const [, hostname, port] = /^\[?(.*?)\]?:(\d+)$/.exec(shown)!;
  return { hostname: hostname!, port: Number(port) };
}

function stop(process: Deno.ChildProcess, signal: Deno.Signal = "SIGTERM"): void {
  try {
    process.kill(signal);
  } catch {
    // It has ended.
  }
}
