import { decimalHeader, lines } from "../../lib/framing/mod.ts";
import { ClientProcess } from "../processes.ts";
import type { Cut } from "./transcript.ts";

/** What an exchange is given to run clients with. */
export interface Stage {
  /** Runs the service's client to its end; throws unless it ends well and prints what it should. */
  client(args: string[], prints: string): Promise<void>;
  /** Starts the service's client for a conversation. */
  start(args: string[]): ClientProcess;
  /** The port clients speak to. */
  port: number;
}

/** One service's place in the demo. */
export interface Exchange {
  service: string;
  transport: "TCP" | "UDP";
  /** What it shows, in a few words. */
  shows: string;
  /** How its messages are told apart. */
  cut?: Cut;
  /** The conversation; throws if anything in it is not right. */
  run(stage: Stage): Promise<void>;
}

/** Every service has its place here. */
export const EXCHANGES: Exchange[] = [
  {
    service: "echo",
    transport: "TCP",
    shows: "a byte stream, sent back as it comes",
    run: (stage) => stage.client([], "Hello, world\n"),
  },
  {
    service: "uppercase",
    transport: "UDP",
    shows: "one datagram in, one out; three ways to know who answered",
    async run({ client, port }) {
      await client(
        ["to anybody's answer: mine is the one from the server"],
        "TO ANYBODY'S ANSWER: MINE IS THE ONE FROM THE SERVER\n",
      );
      await client(["--connected", "only the server is heard"], "ONLY THE SERVER IS HEARD\n");
      await client(["--to", `127.0.0.1:${port}`, "zoë: only a to z change"], "ZOë: ONLY A TO Z CHANGE\n");
    },
  },
  {
    service: "lines",
    transport: "TCP",
    shows: "a socket used as a text file",
    cut: { framing: lines(), header: 0 },
    async run({ client }) {
      await client(["--rounds", "2", "--pause", "0.3"], "Hello Node!\nHello Node!\n");
      await client(["--pause", "0", "STOP"], "Hello Node!\n");
    },
  },
  {
    service: "chat",
    transport: "TCP",
    shows: "many clients, every message sent on to all the others",
    cut: { framing: decimalHeader(), header: 10 },
    async run({ start }) {
      await using ann = start(["--name", "ann"]);
      await using ben = start(["--name", "ben"]);
      // Nobody is told of who joins, so ann speaks until ben has heard her.
      let heard = false;
      const hearing = ben.shows(/^ann > hello\?\n/).then(() => heard = true);
      while (!heard) {
        await ann.type("hello?\n");
        await Promise.race([hearing, new Promise((resolve) => setTimeout(resolve, 200))]);
      }
      await ben.type("hello ann, I heard you\n");
      await ann.shows(/^ben > hello ann, I heard you\n$/);
      for (const client of [ann, ben]) {
        await client.endInput();
        const { code, stderr } = await client.result();
        if (code !== 0) throw new Error(`the client failed: ${stderr.trim()}`);
      }
    },
  },
];
