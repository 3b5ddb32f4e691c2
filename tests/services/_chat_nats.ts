import { assertEquals } from "@std/assert";
import { hasNatsServer } from "../../scripts/shared/nats.ts";
import { ServerProcess } from "../harness.ts";
import { assertAllHeard, Member } from "./_chat_members.ts";

const hasNats = hasNatsServer();

/** Registers a test that needs nats-server. */
export function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + (hasNats ? "" : " (ignored: no nats-server here)"), ignore: !hasNats, fn });
}

/** Chat servers of one room. Disposing of them stops those that still run. */
export class Servers implements AsyncDisposable {
  readonly all: ServerProcess[];

  private constructor(all: ServerProcess[]) {
    this.all = all;
  }

  static async start(nats: string, count: number, ...args: string[]): Promise<Servers> {
    const start = () => ServerProcess.start("chat", { args: ["--nats", nats, ...args] });
    return new Servers(await Promise.all(Array.from({ length: count }, start)));
  }

  /** A member at each server. */
  join(name: string): Promise<Member[]> {
    return Promise.all(this.all.map((server, index) => Member.join(server, `${name}${index + 1}`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((server) => server[Symbol.asyncDispose]()));
  }
}

/** Lets a talker and a listener at each server talk while something happens, then checks that nothing is missing. */
export async function talkThrough(
  servers: Servers,
  happens: () => Promise<void>,
  { pause = 2, length = 10 } = {},
): Promise<void> {
  const talkers = await servers.join("talker");
  const listeners = await servers.join("listener");
  const stop = new AbortController();
  const talking = Promise.all(talkers.map((talker) => talker.talk(stop.signal, pause, length)));
  try {
    await Promise.all(listeners.map((listener) => listener.hears(30)));
    await happens();
    await Promise.all(listeners.map((listener) => listener.hears(listener.heard.length + 30)));
  } finally {
    stop.abort();
  }
  await talking;
  await assertAllHeard(listeners, talkers);
  for (const member of [...talkers, ...listeners]) assertEquals(member.ended, undefined, `${member.name} is connected`);
  for (const member of [...talkers, ...listeners]) await member[Symbol.asyncDispose]();
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
