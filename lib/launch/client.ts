import { Log } from "../log/log.ts";
import { formatAddress, type HostPort } from "../net/address.ts";
import type { ConnectTcpOptions } from "../net/connect_tcp.ts";
import { readPem } from "./_read_pem.ts";
import { flag, host, type Operands, type Options, port, seconds, text, type Values } from "../cli/options.ts";
import { runTask } from "./run.ts";
import type { StopRequests } from "../cli/signals.ts";
import { UsageError } from "../cli/errors.ts";

/** What a service's client command says of itself. */
export interface ClientCommand<Table extends Options> {
  /** The service's name with hyphens: the task is `NAME:client`. */
  name: string;
  /** What it does, one sentence. */
  summary: string;
  /** The server's default port. */
  port: number;
  /** What it takes besides options. */
  operands?: Operands;
  /** Options of its own. */
  options?: Table;
  /**
   * What it speaks over.
   *
   * @default {"tcp"}
   */
  transport?: "tcp" | "udp";
}

/** What a client's own part gets. */
export interface ClientRun<Table extends Options> extends HostPort {
  /** The options' values, the defaults filled in. */
  values: Values<Table>;
  /** What was given besides options. */
  operands: string[];
  /** How long to wait for anything that is owed, in milliseconds. */
  timeout: number;
  /** Options for `connectTcp`: where to, every deadline at `timeout`, and what stops it. */
  target: ConnectTcpOptions & HostPort;
  /** Requests to stop; the connection of `target` closes by itself. */
  requests: StopRequests;
  /** The client's log. */
  log: Log;
}

/**
 * Runs a client as a command.
 *
 * @param command What it is called and takes.
 * @param main What it does. What it throws is said in one line, and the exit code is 1.
 */
export async function runClient<Table extends Options = Record<never, never>>(
  command: ClientCommand<Table>,
  main: (run: ClientRun<Table>) => Promise<void>,
): Promise<void> {
  const { name, summary, operands, transport = "tcp" } = command;
  const shared = {
    host: host("Host to connect to"),
    port: port("Port to connect to", command.port, 1),
    ...(transport === "tcp" ? tcpOptions : {}),
    timeout: seconds("Give up after so long without what is owed", 10_000),
  };
  const full = {
    name: `${name}:client`,
    summary,
    options: { ...shared, ...command.options },
    ...(operands === undefined ? {} : { operands }),
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
      tls: tlsCa === "" ? tls : { caCerts: [await readPem("--tls-ca", tlsCa)] },
      connectTimeout: timeout,
      handshakeTimeout: timeout,
      firstMessageTimeout: timeout,
      idleTimeout: timeout,
      messageTimeout: timeout,
      writeTimeout: timeout,
      signal: requests.stop,
      log,
    };
    await main({ values: values as Values<Table>, operands, hostname, port, timeout, target, requests, log });
  });
}

const tcpOptions = {
  unix: text("PATH", "Connect to a Unix socket instead", ""),
  tls: flag("Encrypt with TLS"),
  tlsCa: text("FILE", "Encrypt, and trust this certificate authority alone, in PEM", ""),
};
