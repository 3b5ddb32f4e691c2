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

/** The exchange of every service. */
export const EXCHANGES: Exchange[] = [
  {
    service: "echo",
    transport: "TCP",
    shows: "a byte stream, sent back unchanged",
    run: ({ client }) => client([], "Hello, world\n"),
  },
  {
    service: "uppercase",
    transport: "UDP",
    shows: "one datagram in, one out; three ways to know who answered",
    async run({ client, port }) {
      await client(["anybody may answer, so I look who does"], "ANYBODY MAY ANSWER, SO I LOOK WHO DOES\n");
      await client(["--connected", "only the server is heard"], "ONLY THE SERVER IS HEARD\n");
      await client(["--to", `127.0.0.1:${port}`, "zoë: only a to z change"], "ZOë: ONLY A TO Z CHANGE\n");
    },
  },
  {
    service: "udp-chat",
    transport: "UDP",
    shows: "taking turns over datagrams",
    servers: [["--reply", "fine, and you?"]],
    run: ({ client }) => client(["how are you?", ""], "fine, and you?\nfine, and you?\n"),
  },
  {
    service: "sixteen",
    transport: "TCP",
    shows: "read exactly 16 bytes, however they arrive",
    framing: "fixed:16",
    run: ({ client }) => client([], "Farewell, client\n"),
  },
  {
    service: "fixed",
    transport: "TCP",
    shows: "messages of a fixed length, many on one connection",
    framing: "fixed:24",
    servers: [["--length", "24"]],
    run: ({ client, args }) => client([...args, "--count", "2"], "012345678901234567890123\n".repeat(2)),
  },
  {
    service: "delimited",
    transport: "TCP",
    shows: "messages that end in a newline, several in one read",
    framing: "lines",
    run: ({ client }) => client(["one", "", "and three"], "one\n\nand three\n"),
  },
  {
    service: "tagged",
    transport: "TCP",
    shows: "a type byte that decides the length",
    framing: "tagged:A=4,B=16,C=300",
    run: ({ client }) => client(["A:four", "B:exactly sixteen!"], "A:four\nB:exactly sixteen!\n"),
  },
  {
    service: "exchange",
    transport: "TCP",
    shows: "a request that ends by shutting down the sending side",
    run: ({ client }) => client(["everything I have to say"], "received 24 bytes\n"),
  },
  {
    service: "lines",
    transport: "TCP",
    shows: "a socket used as a text file",
    framing: "lines",
    async run({ client }) {
      await client(["--rounds", "2", "--pause", "0.3"], "Hello Node!\nHello Node!\n");
      await client(["--pause", "0", "STOP"], "Hello Node!\n");
    },
  },
  {
    service: "clock",
    transport: "TCP",
    shows: "length-headed messages that the server pushes",
    framing: "header",
    servers: [["--interval", "0.4"]],
    run: ({ client }) => client(["--count", "3"], /^Welcome to the server!\n(The time is \d{10}\.\d{1,6}\n){2}$/),
  },
  {
    service: "objects",
    transport: "TCP",
    shows: "a length-headed serialised object",
    framing: "header",
    servers: [["--format", "pickle"], ["--format", "json"]],
    run: ({ client, args }) =>
      client(args, args.includes("json") ? '{"1":"Hey","2":"There"}\n' : "{1: 'Hey', 2: 'There'}\n"),
  },
  {
    service: "chat",
    transport: "TCP",
    shows: "many clients, every message sent on to all the others",
    framing: "header",
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
