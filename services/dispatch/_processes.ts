import type { RelayedRecord } from "../../lib/log/mod.ts";
import { CommandError, Stdin, type StopRequests } from "../../lib/cli/mod.ts";
import { lines } from "../../lib/framing/lines.ts";
import { FrameDecoderStream } from "../../lib/framing/streams.ts";
import { encodeText, text } from "../../lib/framing/text.ts";
import {
  formatAddress,
  type ListenAddress,
  type StartWorker,
  type WorkerOptions,
  type WorkerReport,
} from "../../lib/net/mod.ts";
import { after } from "../../lib/net/timer.ts";
import { isLoopback } from "../../lib/net/address.ts";
import { parseHostPort } from "../../lib/net/address.ts";

/** Time that an aborted process has to end before it is killed, in milliseconds. */
const ABORT_TIMEOUT = 1500;

// A process gets its options as one line of JSON on standard input: arguments, which other users can read, must not hold a
// TLS key. The parent keeps the input open, so its end tells the process that the parent has ended.

/** Stands for `Infinity`, an unlimited option, which JSON cannot express. */
const UNLIMITED = "Infinity";

/** Formats the options for a process, without the counts that only threads can share. */
function formatOptions({ sharedCounts: _, ...options }: WorkerOptions): string {
  return JSON.stringify(options, (_, value) => value === Infinity ? UNLIMITED : value);
}

function parseOptions(line: string): WorkerOptions {
  return JSON.parse(line, (_, value) => value === UNLIMITED ? Infinity : value);
}

/**
 * Receives this process's options from the process that started it, and stops when standard input ends.
 *
 * @param requests Gets the request to stop.
 * @returns The options; none if standard input ends before them.
 */
export async function receiveOptions(requests: StopRequests): Promise<Partial<WorkerOptions>> {
  const stdin = new Stdin();
  requests.stop.addEventListener("abort", () => stdin.close());
  const lines = stdin.lines();
  const { value: line } = await lines.next();
  (async () => {
    while (!(await lines.next()).done) { /* no more input is expected */ }
    requests.request("end of standard input");
  })();
  return line === undefined ? {} : parseOptions(line);
}

/** Starts a process that serves. It shares no memory with the others, which go on if it fails. */
export const startProcess: StartWorker = async (options, logged) => {
  const { hostname = "127.0.0.1", port, level } = options;
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "-P=dispatch-server", ...await grantsFor(hostname, port)],
      // At level info the process logs its address and, at its end, its report.
      ...[new URL("./server.ts", import.meta.url).href, "--worker", "--log", "json", "--log-level", "info"],
      // The standard input has these too; here they are for the error message of a process that cannot listen.
      ...["--host", hostname, "--port", String(port)],
    ],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  const stdin = process.stdin.getWriter();
  await stdin.write(encodeText(formatOptions(options) + "\n"));
  const listening = Promise.withResolvers<ListenAddress>();
  let report: WorkerReport = { finished: 0, aborted: 0, memory: 0 };
  let stopping = false;
  const finished = (async () => {
    let last = "";
    for await (const line of process.stderr.pipeThrough(new FrameDecoderStream(text(lines())))) {
      last = line;
      const record = parseRecord(line);
      if (record === undefined) continue;
      const { message, properties } = record;
      if (/^Listening at/.test(String(message[0]))) listening.resolve(parseHostPort(String(properties["address"])));
      else if ("memory" in properties) report = properties as unknown as WorkerReport;
      else if (level === "info" || record.level !== "info") logged(record);
    }
    const { code } = await process.status;
    await stdin.close().catch(() => {});
    if (stopping) return;
    throw last.startsWith(OWN_ERROR)
      ? new CommandError(last.slice(OWN_ERROR.length))
      : new Error(`A process ended with exit code ${code}`);
  })();
  finished.catch(listening.reject);
  return {
    addr: await listening.promise,
    finished,
    async shutdown() {
      stopping = true;
      stop(process);
      await finished.catch(() => {});
      return report;
    },
    abort() {
      stopping = true;
      stop(process); // A second request aborts the connections that the first one drains.
      const cancel = after(ABORT_TIMEOUT, () => stop(process, "SIGKILL"));
      finished.catch(() => {}).then(cancel);
    },
  };
};

/** Parses a line of the log; `undefined` for any other line, as a failing runtime prints them. */
function parseRecord(line: string): RelayedRecord | undefined {
  try {
    const { time, level, who: _, message, ...properties } = JSON.parse(line);
    return { level, timestamp: Date.parse(time), message: [message], rawMessage: message, properties };
  } catch {
    return undefined;
  }
}

/** The start of the line in which a process explains its failure. */
const OWN_ERROR = "dispatch:server: ";

/** The grant a process needs to listen beyond loopback, if this process has it. */
async function grantsFor(hostname: string, port: number): Promise<string[]> {
  if (isLoopback(hostname)) return [];
  const address = formatAddress({ hostname, port });
  for (const host of [address.slice(0, address.lastIndexOf(":")), address]) {
    const { state } = await Deno.permissions.query({ name: "net", host });
    if (state === "granted") return [`--allow-net=${host}`];
  }
  return [];
}

function stop(process: Deno.ChildProcess, signal: Deno.Signal = "SIGTERM"): void {
  try {
    process.kill(signal);
  } catch {
    // The process has already ended.
  }
}
