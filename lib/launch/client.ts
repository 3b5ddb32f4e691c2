import { Log } from "../log/log.ts";
import { formatAddress, type HostPort } from "../net/address.ts";
import type { ConnectTcpOptions } from "../net/connect_tcp.ts";
import { readText } from "./read_text.ts";
import { flag, host, type Operands, type Options, port, seconds, text, type Values } from "../cli/options.ts";
import { type Program, runTask } from "./run.ts";
import type { StopRequests } from "../cli/signals.ts";
import { CommandError, UsageError } from "../cli/errors.ts";
import { after } from "../net/timer.ts";

/** Time that a client has to end after a request to stop, in milliseconds. */
const STOP_TIMEOUT = 1000;

/** Description of a service's client command. */
export interface ClientCommand<Table extends Options> extends Program {
  /** What it does, in one sentence. */
  summary: string;
  /** Default port of the server. */
  port: number;
  /** Its operands. */
  operands?: Operands | undefined;
  /** Its own options. */
  options?: Table | undefined;
  /**
   * What it speaks over.
   *
   * @default {"tcp"}
   */
  transport?: "tcp" | "udp" | undefined;
}

/** Arguments of a client's main function. */
export interface ClientRun<Table extends Options> extends HostPort {
  /** Values of the options, with defaults filled in. */
  values: Values<Table>;
  /** The operands. */
  operands: string[];
  /** Time to wait for anything that the server owes, in milliseconds. */
  timeout: number;
  /** Options for `connectTcp`: the server, every deadline set to `timeout`, the signal and the log. */
  target: ConnectTcpOptions & HostPort;
  /** Requests to stop. The connection of `target` closes by itself. */
  requests: StopRequests;
  /** Log of the client. */
  log: Log;
}

/**
 * Runs a client as a command.
 *
 * @param command The description of the client.
 * @param main The client itself. An error that it throws is reported in one line, with exit code 1.
 */
export async function runClient<Table extends Options = Record<never, never>>(
  command: ClientCommand<Table>,
  main: (run: ClientRun<Table>) => Promise<void>,
): Promise<void> {
  const { name, usage, advice, summary, operands, transport = "tcp" } = command;
  const shared = {
    host: host("Host to connect to"),
    port: port("Port to connect to", command.port, 1),
    ...(transport === "tcp" ? tcpOptions : {}),
    timeout: seconds("Longest wait for the connection, an answer, or the rest of a message", 10_000),
  };
  const full = {
    name,
    usage,
    advice,
    summary,
    operands,
    options: { ...shared, ...command.options },
  };
  await runTask(full, "warning", async ({ values, operands, requests, attempt }) => {
    const { host: hostname, port, timeout, unix = "", tls = false, tlsCa = "" } = values as
      & Pick<Values<typeof shared>, "host" | "port" | "timeout">
      & Partial<Values<typeof tcpOptions>>;
    attempt.address = unix || formatAddress({ hostname, port });
    if (unix !== "" && (tls || tlsCa !== "")) throw new UsageError("--unix and --tls do not go together");
    const log = new Log("Client", "debug");
    const target = {
      hostname,
      port,
      ...(unix === "" ? {} : { path: unix }),
      tls: tlsCa === "" ? tls : { caCerts: [await readText("--tls-ca", tlsCa, advice)] },
      connectTimeout: timeout,
      handshakeTimeout: timeout,
      idleTimeout: timeout,
      messageTimeout: timeout,
      writeTimeout: timeout,
      signal: requests.stop,
      log,
    };
    const running = main({ values: values as Values<Table>, operands, hostname, port, timeout, target, requests, log });
    await Promise.race([running, interrupted(requests.stop)]);
  });
}

/** Rejects some time after a request to stop. A write to a standard output that nobody reads may never finish. */
function interrupted(stop: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const giveUp = () => after(STOP_TIMEOUT, () => reject(new CommandError("Interrupted")));
    if (stop.aborted) giveUp();
    else stop.addEventListener("abort", giveUp);
  });
}

const tcpOptions = {
  unix: text("PATH", "Connect to a Unix socket instead", ""),
  tls: flag("Encrypt with TLS"),
  tlsCa: text("FILE", "Encrypt, and trust this certificate authority alone, in PEM", ""),
};
