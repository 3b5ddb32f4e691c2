import { protocolOf } from "../../../lib/judge/protocols/mod.ts";
import { sleep } from "../../../lib/net/timer.ts";
import { MODES } from "../../../services/dispatch/protocol.ts";
import { ClientProcess, runClient } from "../../shared/processes.ts";

/** Runs the clients of an exchange. */
export interface Stage {
  /** Runs the service's client to its end. Throws unless it succeeds, and prints what is expected and nothing else. */
  client(args: string[], expected: string | RegExp): Promise<string>;
  /** Starts the service's client. */
  start(args: string[]): ClientProcess;
  /** Prints a line for the user. */
  print(text: string): void;
  /** The port for clients. */
  port: number;
  /** The arguments of the server. */
  args: string[];
}

/** An exchange between a service and its clients. */
export interface Exchange {
  service: string;
  transport: "TCP" | "UDP";
  /** A short description. */
  shows: string;
  /** The name of the framing. Without it, chunks and datagrams are shown as they arrive. */
  framing?: string;
  /** The arguments of each server to run; one server without arguments by default. */
  servers?: string[][];
  /** Whether to show figures only, without a proxy between the clients and the server. */
  figures?: boolean;
  /** Runs the clients. Throws if anything is wrong. */
  run(stage: Stage): Promise<unknown>;
}

/**
 * The exchange of a program as its protocol describes it.
 *
 * @param service The program.
 * @param servers The options of each server to run; one server without options by default.
 */
function described(service: string, ...servers: Record<string, string>[]): Exchange {
  const { transport, shows, ...protocol } = protocolOf(service, servers[0]);
  return {
    service,
    transport: transport === "tcp" ? "TCP" : "UDP",
    shows,
    ...("framed" in protocol && protocol.framed !== undefined ? { framing: protocol.framed } : {}),
    ...(servers.length > 0 ? { servers: servers.map(argsOf) } : {}),
    async run({ client, port, args }) {
      for (const { args: given, prints } of protocolOf(service, optionsOf(args)).clients) {
        const at = { "{host}": "127.0.0.1", "{port}": String(port) };
        await client(given.map((arg) => arg.replace(/\{\w+\}/g, (name) => at[name as keyof typeof at])), prints);
      }
    },
  };
}

/** The arguments of a server with these options. */
function argsOf(options: Record<string, string>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}

/** The options that {@linkcode argsOf} was given. */
function optionsOf(args: string[]): Record<string, string> {
  return Object.fromEntries(args.flatMap((arg, at) => at % 2 === 0 ? [[arg.slice(2), args[at + 1]!]] : []));
}

/** The exchange of every service. */
export const EXCHANGES: Exchange[] = [
  described("echo"),
  described("uppercase"),
  described("udp-chat", { reply: "fine, and you?" }),
  described("sixteen"),
  described("fixed", { length: "24" }),
  described("delimited"),
  described("tagged"),
  described("exchange"),
  described("lines"),
  described("clock", { interval: "0.4" }),
  described("objects", { format: "pickle" }, { format: "json" }),
  {
    ...described("chat"),
    async run({ start }) {
      await using ann = start(["--name", "ann"]);
      await using ben = start(["--name", "ben"]);
      // Members do not learn who has joined, so ann repeats her message until ben receives it.
      const heard = new AbortController();
      const hearing = ben.shows(/^ann > hello\?\n/).finally(() => heard.abort());
      hearing.catch(() => {}); // It is awaited below, unless ann fails first.
      while (!heard.signal.aborted) {
        await ann.type("hello?\n");
        await sleep(200, heard.signal);
      }
      await hearing;
      await ben.type("hello ann, I heard you\n");
      await ann.shows(/^ben > hello ann, I heard you\n$/);
      for (const client of [ann, ben]) {
        await client.endInput();
        const { code, stderr } = await client.result();
        if (code !== 0) throw new Error(`the client failed: ${stderr.trim()}`);
      }
    },
  },
  {
    service: "dispatch",
    transport: "TCP",
    shows: "three ways to serve many clients: one loop, workers, processes",
    figures: true,
    servers: MODES.map((mode) => ["--mode", mode]),
    async run({ client, print, args }) {
      const counted = await client(
        ["--connections", "200", "--duration", "1"],
        /^200 connections held, \d+ round trips/,
      );
      print(`${args[1]}: ${counted.trimEnd()}`);
    },
  },
];

/** Options of {@linkcode stageAt}. */
export interface StageOptions {
  port: number;
  /** The arguments of the server. */
  args: string[];
  /** Arguments of the clients for another transport. */
  clientArgs?: string[];
  /** Flags for Deno that replace the clients' permission set. */
  permissions?: string[];
  /** How long to wait for what a client does, in milliseconds; 20 seconds by default. */
  timeout?: number;
  /** Ends the clients when it aborts. */
  signal?: AbortSignal;
  print?: (text: string) => void;
}

/** Makes the stage of an exchange with a running server. */
export function stageAt(
  service: string,
  { port, args, clientArgs = [], print = () => {}, ...options }: StageOptions,
): Stage {
  const at = ["--port", String(port), ...clientArgs];
  return {
    port,
    args,
    print,
    start: (args) => new ClientProcess(service, { ...options, args: [...at, ...args] }),
    async client(args, expected) {
      const { code, stdout, stderr } = await runClient(service, [...at, ...args], "", options);
      if (code !== 0) throw new Error(`the client failed: ${stderr.trim()}`);
      if (stderr !== "") throw new Error(`expected no errors or warnings, got ${JSON.stringify(stderr)}`);
      const matches = typeof expected === "string" ? stdout === expected : expected.test(stdout);
      if (!matches) throw new Error(`expected ${Deno.inspect(expected)}, got ${JSON.stringify(stdout)}`);
      return stdout;
    },
  };
}
