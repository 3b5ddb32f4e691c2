// A chat of three servers over three nodes of NATS, with failures drawn from a seed. Every message is counted at every
// member.

import { Log } from "../../../lib/log/mod.ts";
import { serveProxy } from "../../../services/proxy/server.ts";
import type { Random } from "../../../services/proxy/random.ts";
import { ChatMember } from "../../shared/chat_member.ts";
import { NatsCluster } from "../../shared/nats.ts";
import { ServerProcess } from "../../shared/processes.ts";
import { table, type TableStyle } from "../../shared/table.ts";
import { below, pause } from "./client.ts";

const SERVERS = 3;
/** Time between two messages of a talker, in milliseconds. */
const TALK_EVERY = 5;
/** Number of messages that every listener must hear after a failure before the next one, and the time for that. */
const BETWEEN = 200;
const RECOVERS_WITHIN = 60_000;

/** A log without the faults that are made on purpose. */
class Silent extends Log {
  override warn(): void {}
}

/** A failure: what it is called, and how it is made. Resolves when it is over. */
interface Failure {
  name: string;
  happen(chat: Chat, random: Random): Promise<void>;
}

function between(least: number, most: number, random: Random): number {
  return least + random() * (most - least);
}

/** The hardest failure: the leader comes back and finds that another one leads. The share of it among all failures. */
const LEADER_SHARE = 1 / 3;
const LEADER_STOPPED: Failure = {
  name: "leader of NATS stopped for a while",
  async happen(chat, random) {
    const leader = await chat.nats.leaderOf("lobby");
    leader.signal("SIGSTOP");
    // The others elect another one after 4 to 9 s.
    await pause(between(500, 12_000, random));
    leader.signal("SIGCONT");
    await chat.untilCurrent();
  },
};

const FAILURES: readonly Failure[] = [
  {
    name: "NATS node killed, back after a while",
    async happen(chat, random) {
      const { nats } = chat;
      const node = nats.nodes[below(nats.nodes.length, random)]!;
      await node.kill();
      await pause(between(500, 4000, random));
      await node.restart();
      await chat.untilCurrent();
    },
  },
  {
    name: "NATS node stopped for a while",
    async happen(chat, random) {
      const { nats } = chat;
      const node = nats.nodes[below(nats.nodes.length, random)]!;
      node.signal("SIGSTOP");
      await pause(between(500, 8000, random));
      node.signal("SIGCONT");
      await chat.untilCurrent();
    },
  },
  {
    name: "chat server killed, another started",
    async happen(chat, random) {
      // The first one stays, as the reference for the order.
      await chat.replace(1 + below(SERVERS - 1, random));
    },
  },
  {
    name: "chat server stopped for a while",
    async happen({ places }, random) {
      const { server } = places[below(SERVERS, random)]!;
      server.signal("SIGSTOP");
      await pause(between(500, 12_000, random));
      server.signal("SIGCONT");
    },
  },
  {
    name: "connections to NATS reset",
    async happen({ places }, random) {
      const { proxies } = places[below(SERVERS, random)]!;
      const resetAt = 1 + below(5000, random);
      for (const proxy of proxies) proxy.setFaults({ resetAt });
      await pause(between(100, 2000, random));
      for (const proxy of proxies) proxy.setFaults({});
    },
  },
  {
    name: "connections to NATS silent for a while",
    async happen({ places }, random) {
      const { proxies } = places[below(SERVERS, random)]!;
      const stopAfter = 1 + below(5000, random);
      for (const proxy of proxies) proxy.setFaults({ stopAfter });
      await pause(between(500, 8000, random));
      for (const proxy of proxies) proxy.setFaults({});
    },
  },
];

/** A member, and what it has heard, as numbers of talkers and of their messages in turn. */
interface Listener {
  member: ChatMember;
  heard: number[];
  /** Whether it was there from the beginning. */
  fromStart: boolean;
  /** Whether its server was killed. It has then heard less, and the last of what it said may be lost. */
  killed: boolean;
}

/** A member that talks. It hears the others. */
interface Talker extends Listener {
  /** Its number, which is part of its name. */
  talker: number;
}

/** A chat server with its members, and a proxy to each node of NATS. */
interface Place {
  proxies: Awaited<ReturnType<typeof serveProxy>>[];
  url: string;
  server: ServerProcess;
  talker: Talker;
  listener: Listener;
}

/** What came of a run. */
export interface ClusterResult {
  failures: Map<string, number>;
  messages: number;
  heard: number;
  lost: number;
  doubled: number;
  reordered: number;
  /** The longest time in which the listener that was there all the time heard nothing, in milliseconds. */
  longestGap: number;
  faults: string[];
}

class Chat implements AsyncDisposable {
  readonly nats: NatsCluster;
  readonly places: Place[] = [];
  readonly talkers: Talker[] = [];
  readonly listeners: Listener[] = [];
  /** All servers, also those that were killed. */
  readonly servers: ServerProcess[] = [];
  readonly stopTalking = new AbortController();
  longestGap = 0;
  #heardAt: number | undefined;
  readonly #talking: Promise<void>[] = [];

  private constructor(nats: NatsCluster) {
    this.nats = nats;
  }

  static async start(): Promise<Chat> {
    const chat = new Chat(await NatsCluster.start());
    for (let index = 0; index < SERVERS; index++) {
      const proxies = await Promise.all(chat.nats.nodes.map(({ port }) => {
        return serveProxy({ listen: "tcp://127.0.0.1:0", to: `tcp://127.0.0.1:${port}`, log: new Silent("Proxy") });
      }));
      const url = proxies.map(({ addr }) => `nats://127.0.0.1:${(addr as Deno.NetAddr).port}`).join(",");
      const server = await chat.#start(url);
      chat.places.push({ proxies, url, server, ...await chat.#join(server, true) });
    }
    for (const { member } of chat.talkers) chat.#talk(member);
    return chat;
  }

  /** Kills a server, and starts another one with new members. */
  async replace(index: number): Promise<void> {
    const place = this.places[index]!;
    place.talker.killed = place.listener.killed = true;
    await place.server.kill();
    place.server = await this.#start(place.url);
    Object.assign(place, await this.#join(place.server, false));
    this.#talk(place.talker.member);
  }

  /** Waits until every connected listener has heard more, or throws. */
  async goesOn(messages: number): Promise<void> {
    const expected = this.places.map(({ listener }) => listener.heard.length + 2 * messages);
    await this.#until(() => this.places.every(({ listener }, index) => listener.heard.length >= expected[index]!));
  }

  /** Waits until all nodes of NATS have all of the log: only one may lack some of it at a time. */
  async untilCurrent(): Promise<void> {
    const end = performance.now() + RECOVERS_WITHIN;
    while (!await this.nats.isCurrent("lobby")) {
      if (performance.now() > end) throw new Error(`NATS did not recover within ${RECOVERS_WITHIN / 1000} s`);
      await pause(250);
    }
  }

  /** Lets the talkers end, and waits until everything that they said has been heard. */
  async finish(): Promise<void> {
    this.stopTalking.abort();
    await Promise.all(this.#talking);
    const last = () => this.talkers.every(({ member, killed }, index) => killed || this.#nextOf(index) === member.said);
    await this.#until(last);
    const { heard } = this.places[0]!.listener;
    await this.#until(() =>
      this.places.every(({ listener, talker }) =>
        endOf(listener.heard) === endOf(heard) && endOf(talker.heard) === endOf(heard, talker.talker)
      )
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopTalking.abort();
    const members = [...this.talkers, ...this.listeners].map(({ member }) => member[Symbol.asyncDispose]());
    await Promise.all(members);
    await Promise.all(this.places.map(({ server }) => server.stopAtOnce()));
    await Promise.all(this.places.flatMap(({ proxies }) => proxies.map((proxy) => proxy.shutdown())));
    await this.nats[Symbol.asyncDispose]();
  }

  async #start(url: string): Promise<ServerProcess> {
    const server = await ServerProcess.start("chat", { args: ["--nats", url, "--nats-replicas", "3"] });
    this.servers.push(server);
    return server;
  }

  #talk(member: ChatMember): void {
    this.#talking.push(member.talk(this.stopTalking.signal, TALK_EVERY));
  }

  /** The number of the message that the first listener expects next of a talker. */
  #nextOf(talker: number): number {
    const { heard } = this.places[0]!.listener;
    for (let at = heard.length - 2; at >= 0; at -= 2) if (heard[at] === talker) return heard[at + 1]! + 1;
    return 0;
  }

  async #until(condition: () => boolean): Promise<void> {
    for (const end = performance.now() + RECOVERS_WITHIN; !condition();) {
      if (performance.now() > end) throw new Error(`the chat did not go on within ${RECOVERS_WITHIN / 1000} s`);
      await pause(20);
    }
  }

  async #join(server: ServerProcess, fromStart: boolean): Promise<Pick<Place, "talker" | "listener">> {
    const onFirst = () => {
      const now = performance.now();
      this.longestGap = Math.max(this.longestGap, now - (this.#heardAt ?? now));
      this.#heardAt = now;
    };
    const number = this.talkers.length;
    const listener = await this.#member(server, `listener${number}`, fromStart, number === 0 ? onFirst : undefined);
    const talker = { ...await this.#member(server, `talker${number}`, fromStart), talker: number };
    this.listeners.push(listener);
    this.talkers.push(talker);
    return { talker, listener };
  }

  async #member(server: ServerProcess, name: string, fromStart: boolean, onMessage = () => {}): Promise<Listener> {
    const heard: number[] = [];
    const member = await ChatMember.join(server.port, name, (from, text) => {
      heard.push(Number(from.slice("talker".length)), parseInt(text));
      onMessage();
    });
    await server.logged(new RegExp(`"${name}" joined`));
    return { member, heard, fromStart, killed: false };
  }
}

/** The last message heard that is not of a talker. */
function endOf(heard: number[], talker?: number): string {
  let at = heard.length - 2;
  while (at >= 0 && heard[at] === talker) at -= 2;
  return heard.slice(Math.max(at, 0), at + 2).join(".");
}

/** Runs the chat until `going` returns false, and counts what each listener heard. */
export async function runCluster(
  random: Random,
  going: () => boolean,
  onFailure: (name: string) => void,
): Promise<ClusterResult> {
  const failures = new Map<string, number>();
  const faults: string[] = [];
  await using chat = await Chat.start();
  try {
    await chat.goesOn(BETWEEN);
    do {
      const failure = random() < LEADER_SHARE ? LEADER_STOPPED : FAILURES[below(FAILURES.length, random)]!;
      failures.set(failure.name, (failures.get(failure.name) ?? 0) + 1);
      onFailure(failure.name);
      await failure.happen(chat, random);
      await chat.goesOn(BETWEEN);
    } while (going());
    await chat.finish();
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  }
  // Without the end, messages on their way would count as lost.
  const isOver = faults.length === 0;
  if (!isOver) { for (const member of [...chat.talkers, ...chat.listeners]) member.killed = true; }
  const counts = countAll(chat.talkers, chat.listeners, faults);
  for (const { strays, log } of chat.servers) {
    const reports = log.filter(({ message }) => /missed|no longer|not a batch|recreated/.test(message));
    faults.push(...[...strays, ...reports.map(({ message }) => message)].map((line) => `a chat server wrote: ${line}`));
  }
  for (const { talker, listener } of isOver ? chat.places : []) {
    for (const { name, ended } of [talker.member, listener.member]) {
      if (ended !== undefined) faults.push(`${name} was disconnected: ${ended}`);
    }
  }
  const messages = chat.talkers.reduce((sum, { member }) => sum + member.said, 0);
  return { failures, messages, ...counts, longestGap: chat.longestGap, faults };
}

/** What a member has heard, and how much it has said. */
type Counted = Pick<Listener, "heard" | "fromStart" | "killed"> & { talker?: number; member: { said: number } };

/** Compares what each member heard with what the first listener did, and that with what was said. */
export function countAll(
  talkers: readonly Counted[],
  listeners: readonly Omit<Counted, "member">[],
  faults: string[],
): { heard: number; lost: number; doubled: number; reordered: number } {
  const sum = { heard: 0, lost: 0, doubled: 0, reordered: 0 };
  for (const { heard, fromStart, killed, talker: self } of [...listeners, ...talkers]) {
    const reference = self === undefined ? listeners[0]!.heard : without(self, listeners[0]!.heard);
    sum.heard += heard.length / 2;
    const next = new Map<number, number>();
    const before = { ...sum };
    for (let at = 0; at < heard.length; at += 2) {
      const talker = heard[at]!;
      const number = heard[at + 1]!;
      const expected = next.get(talker) ?? (fromStart ? 0 : number);
      if (number < expected) sum.doubled++;
      else sum.lost += number - expected;
      next.set(talker, Math.max(expected, number + 1));
    }
    if (!killed) {
      for (const [talker, { member, killed }] of talkers.entries()) {
        // A killed server may have said less than its members.
        if (!killed && fromStart && talker !== self) sum.lost += Math.max(0, member.said - (next.get(talker) ?? 0));
      }
    }
    // A member hears a part of the reference without a gap, from the beginning if it was there.
    const from = fromStart ? 0 : findIn(reference, heard);
    for (let at = 0; at < heard.length && sum.reordered === before.reordered; at++) {
      if (reference[from + at] !== heard[at]) sum.reordered++;
    }
    for (const kind of ["lost", "doubled", "reordered"] as const) {
      if (sum[kind] > before[kind]) {
        faults.push(`${self === undefined ? "a listener" : `talker${self}`}: ${sum[kind] - before[kind]} ${kind}`);
      }
    }
  }
  return sum;
}

/** What is heard by a talker that hears the others. */
function without(talker: number, heard: readonly number[]): number[] {
  return heard.filter((_, at) => heard[at - at % 2] !== talker);
}

/** Where the first message of a member is in the reference. */
function findIn(reference: readonly number[], [talker, number]: readonly number[]): number {
  for (let at = 0; at < reference.length; at += 2) {
    if (reference[at] === talker && reference[at + 1] === number) return at;
  }
  return -1;
}

/** The result as a table. */
export function clusterReport(result: ClusterResult, style: TableStyle): string {
  const { failures, messages, heard, lost, doubled, reordered, longestGap } = result;
  const rows = [...failures].sort().map(([name, count]) => [name, String(count)]);
  const numbers = [messages, heard, lost, doubled, reordered].map((number) => number.toLocaleString("en"));
  return [
    table(["failure", "times"], rows, { right: [1], ...style }),
    "",
    table(["messages said", "heard at all members", "lost", "doubled", "out of order", "longest gap (s)"], [
      [...numbers, (longestGap / 1000).toFixed(1)],
    ], { right: [0, 1, 2, 3, 4, 5], ...style }),
    "heard at all members: one that joins later hears less. Not lost: the last messages of members whose server was killed.",
  ].join("\n");
}
