// What a network and a stranger may do to a server of datagrams.

import { equal } from "@std/assert/equal";
import { plural } from "../../log/mod.ts";
import { type Case, NobodyThere, Wrong } from "../case.ts";
import type { DatagramPeer, DatagramStage } from "../datagrams.ts";
import { pause } from "../patience.ts";
import { bytesOf, quote } from "../peer.ts";
import type { DatagramProtocol, DatagramScript } from "../protocol.ts";

type DatagramCase = Case<DatagramStage>;

/** The longest datagram of IPv4. */
const LARGEST = 65_507;
/** How many clients ask, and how many of them at once: a program may start a process for each datagram. */
const CROWD = 100;
const AT_ONCE = 10;
/** How long to look for datagrams that should not come, in milliseconds. */
const A_MOMENT = 100;
/** How often a case is run in which a datagram may be lost. */
const TRIES = 3;

/** All cases for servers of a protocol of datagrams, in the order in which they find causes. */
export function datagramCases(protocol: DatagramProtocol): DatagramCase[] {
  return [
    plain(protocol),
    twoClients(protocol),
    ...protocol.scripts.map((script) => scripted(protocol, script)),
    ...protocol.cases,
    scripted(protocol, {
      name: "empty",
      level: "must",
      sends: "An empty datagram.",
      right: "Answers it as any other.",
      mistake:
        "A program that takes no bytes for the end, as on a stream, does this; so does sendto of Python's asyncio, " +
        "which drops an empty datagram before Python 3.13",
      datagram: "",
    }),
    scripted(protocol, {
      name: "largest",
      level: "must",
      sends: `A datagram of ${LARGEST} bytes, the longest there is.`,
      right: "Reads all of it.",
      mistake: "A buffer that is too small loses the rest of a datagram: recvfrom(1024) reads 1024 bytes of any",
      datagram: "largest ".repeat(Math.ceil(LARGEST / 8)).slice(0, LARGEST),
    }),
    twice(protocol),
    leave(protocol),
    hundred(protocol),
    again(protocol),
  ];
}

function plain(protocol: DatagramProtocol): DatagramCase {
  return {
    name: "plain",
    level: "must",
    sends: "The datagrams of a correct client, each after the answer to the one before.",
    right: "Answers each one.",
    mistake: "The program does not speak the protocol",
    alone: true,
    async run(stage) {
      try {
        await converse(stage.first, protocol);
      } catch (error) {
        if (stage.first.isAnswered) throw error;
        throw new NobodyThere(`nobody listens there, or the program does not answer; ${(error as Error).message}`);
      }
    },
  };
}

/** Plays a correct client. */
export async function converse(peer: DatagramPeer, { messages, answer }: DatagramProtocol): Promise<void> {
  for (const message of messages.map(bytesOf)) await peer.ask(message, answer(message));
}

function scripted(protocol: DatagramProtocol, { datagram, ...words }: DatagramScript): DatagramCase {
  return {
    ...words,
    alone: true,
    needs: ["two-clients"],
    async run(stage) {
      const bytes = bytesOf(datagram);
      await stage.expect(bytes, protocol.answer(bytes));
    },
  };
}

function twoClients({ answer, messages }: DatagramProtocol): DatagramCase {
  return {
    name: "two-clients",
    level: "must",
    sends: "Datagrams of two clients in turns.",
    right: "Answers the sender, at the address that the datagram came from.",
    mistake: "A program that remembers one client's address answers the wrong one",
    alone: true,
    async run(stage) {
      const ann = stage.first;
      using ben = stage.open();
      const before = [ann, ben].map(({ surplus }) => surplus);
      const said: [DatagramPeer, string][] = [[ann, "ann"], [ben, "ben"], [ann, "ann"], [ben, "ben"]];
      for (const [index, [peer, name]] of said.entries()) {
        const other = peer === ann ? ben : ann;
        const sent = bytesOf(`${name} ${index + 1}: ${quote(bytesOf(messages[0]!))}`);
        const waiting = other.waiting;
        await peer.ask(sent, answer(sent)).catch((error) => {
          if (other.waiting === waiting) throw error;
          throw peer.wrong(sent, "you sent the answer to another client");
        });
      }
      await pause(A_MOMENT);
      const [more] = [ann, ben].filter(({ surplus }, index) => surplus > Math.max(0, before[index]!));
      if (more !== undefined) {
        throw new Wrong(
          `Two clients sent datagrams in turns, and you sent one of them ${plural(more.surplus, "answer")} too many`,
          {
            mistake: "A program that answers a datagram twice, the one before, or all clients does this",
          },
        );
      }
    },
  };
}

function twice({ answer, messages }: DatagramProtocol): DatagramCase {
  return {
    name: "twice",
    level: "must",
    needs: ["two-clients"],
    sends: "The same datagram twice, as a network may deliver it.",
    right: "Answers both.",
    mistake: "A program that takes a datagram for the next one of a conversation loses its place",
    tries: TRIES,
    async run(stage) {
      const sent = bytesOf(messages[0]!);
      using peer = stage.open();
      await peer.send(sent);
      await peer.send(sent);
      const answers = [await peer.next(), await peer.next()];
      const wrong = answers.find((got) => got !== undefined && answer(sent) !== undefined && !equal(got, answer(sent)));
      if (wrong !== undefined) throw peer.wrong(sent, `one of two answers is ${quote(wrong)}`);
      if (answers.includes(undefined)) throw peer.wrong(sent, "you answered only one of two", { by: "silence" });
    },
  };
}

function leave(protocol: DatagramProtocol): DatagramCase {
  return {
    name: "leave",
    level: "must",
    needs: ["two-clients"],
    sends: "Datagrams of clients that close their socket before the answer comes.",
    right: "Goes on serving others.",
    mistake: "A program that does not expect its answer to be undeliverable does this",
    alone: true,
    async run(stage) {
      for (let number = 0; number < 10; number++) {
        using peer = stage.open();
        await peer.send(protocol.messages[0]!);
      }
      await converse(stage.first, protocol);
    },
  };
}

function hundred({ answer, messages }: DatagramProtocol): DatagramCase {
  return {
    name: "hundred",
    level: "must",
    needs: ["two-clients"],
    sends: `A datagram of each of ${CROWD} clients.`,
    right: "Answers each of them.",
    mistake: "A program that keeps something for each client, and not enough of it, does this",
    alone: true,
    async run(stage) {
      const sent = bytesOf(messages[0]!);
      for (let asked = 0; asked < CROWD; asked += AT_ONCE) {
        await Promise.all(Array.from({ length: AT_ONCE }, () => stage.expect(sent, answer(sent))));
      }
    },
  };
}

function again(protocol: DatagramProtocol): DatagramCase {
  return {
    name: "again",
    level: "must",
    sends: "The first datagrams once more, after all other cases.",
    right: "Is still there, and answers as before.",
    mistake: "A program that serves one client and exits, or fails because of what clients left behind, does this",
    alone: true,
    run: (stage) => converse(stage.first, protocol),
  };
}
