import { decimalHeader, fixed, lines } from "../../../lib/framing/mod.ts";
import { sleep } from "../../../lib/net/mod.ts";
import { MODES } from "../../../services/dispatch/protocol.ts";
import { framing as taggedFraming } from "../../../services/tagged/protocol.ts";
import { ClientProcess, runClient } from "../../shared/processes.ts";
import { type Cut, cutBy } from "./transcript.ts";

/** What an exchange is given to run clients with. */
export interface Stage {
  /** Runs the service's client to its end; throws unless it ends well and prints what it should. */
  client(args: string[], prints: string | RegExp): Promise<string>;
  /** Starts the service's client for a conversation. */
  start(args: string[]): ClientProcess;
  /** Says something to whoever watches. */
  say(words: string): void;
  /** The port clients speak to. */
  port: number;
  /** What the server was started with. */
  args: string[];
}

/** One service's place in the demo. */
export interface Exchange {
  service: string;
  transport: "TCP" | "UDP";
  /** What it shows, in a few words. */
  shows: string;
  /** How its messages are told apart; a stream, and every datagram, is shown as it comes. */
  cut?: Cut;
  /** What the server is started with, once for each; nothing unless given. */
  servers?: string[][];
  /** Whether only figures are shown, and what is said goes straight to the server. */
  figures?: boolean;
  /** The conversation; throws if anything in it is not right. */
  run(stage: Stage): Promise<unknown>;
}

const bytes = (message: Uint8Array) => message;
const headed = cutBy(decimalHeader(), 10, bytes);
const lined = cutBy(lines(), 0, bytes);

/** Every service has its place here. */
export const EXCHANGES: Exchange[] = [
  {
    service: "echo",
    transport: "TCP",
    shows: "a byte stream, sent back as it comes",
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
    shows: "messages of 16 bytes: reading until all of it is there",
    cut: cutBy(fixed(16), 0, bytes),
    run: ({ client }) => client([], "Farewell, client\n"),
  },
  {
    service: "fixed",
    transport: "TCP",
    shows: "messages of a fixed length, many on one connection",
    cut: cutBy(fixed(24), 0, bytes),
    servers: [["--length", "24"]],
    run: ({ client, args }) => client([...args, "--count", "2"], "012345678901234567890123\n".repeat(2)),
  },
  {
    service: "delimited",
    transport: "TCP",
    shows: "messages that end in a newline, several in one read",
    cut: lined,
    run: ({ client }) => client(["one", "", "and three"], "one\n\nand three\n"),
  },
  {
    service: "tagged",
    transport: "TCP",
    shows: "a type byte that decides the length",
    cut: cutBy(taggedFraming, 1, ({ body }) => body),
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
    cut: lined,
    async run({ client }) {
      await client(["--rounds", "2", "--pause", "0.3"], "Hello Node!\nHello Node!\n");
      await client(["--pause", "0", "STOP"], "Hello Node!\n");
    },
  },
  {
    service: "clock",
    transport: "TCP",
    shows: "length-headed messages that the server pushes",
    cut: headed,
    servers: [["--interval", "0.4"]],
    run: ({ client }) => client(["--count", "3"], /^Welcome to the server!\n(The time is \d{10}\.\d{1,6}\n){2}$/),
  },
  {
    service: "objects",
    transport: "TCP",
    shows: "a length-headed serialised object",
    cut: headed,
    servers: [["--format", "pickle"], ["--format", "json"]],
    run: ({ client, args }) =>
      client(args, args.includes("json") ? '{"1":"Hey","2":"There"}\n' : "{1: 'Hey', 2: 'There'}\n"),
  },
  {
    service: "chat",
    transport: "TCP",
    shows: "many clients, every message sent on to all the others",
    cut: headed,
    async run({ start }) {
      await using ann = start(["--name", "ann"]);
      await using ben = start(["--name", "ben"]);
      // Nobody is told of who joins, so ann speaks until ben has heard her.
      const heard = new AbortController();
      const hearing = ben.shows(/^ann > hello\?\n/).finally(() => heard.abort());
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
    async run({ client, say, args }) {
      const counted = await client(
        ["--connections", "200", "--duration", "1"],
        /^200 connections held, \d+ round trips/,
      );
      say(`${args[1]}: ${counted.trimEnd()}`);
    },
  },
];

/** How clients of an exchange find their server. */
export interface StageOptions {
  port: number;
  /** What the server was started with. */
  args: string[];
  /** What clients are given besides: options for another transport. */
  clientArgs?: string[];
  /** Instead of the clients' permission set: flags for Deno. */
  permissions?: string[];
  say?: (words: string) => void;
}

/** Makes ready for an exchange with a server that runs. */
export function stageAt(
  service: string,
  { port, args, clientArgs = [], permissions, say = () => {} }: StageOptions,
): Stage {
  const at = ["--port", String(port), ...clientArgs];
  const options = permissions === undefined ? {} : { permissions };
  return {
    port,
    args,
    say,
    start: (args) => new ClientProcess(service, { ...options, args: [...at, ...args] }),
    async client(args, prints) {
      const { code, stdout, stderr } = await runClient(service, [...at, ...args], "", options);
      if (code !== 0) throw new Error(`the client failed: ${stderr.trim()}`);
      const right = typeof prints === "string" ? stdout === prints : prints.test(stdout);
      if (!right) throw new Error(`expected ${Deno.inspect(prints)}, got ${JSON.stringify(stdout)}`);
      return stdout;
    },
  };
}
