// Attackers in a process of their own, so that they do not block the clients that measure.

import { TextLineStream } from "@std/streams/text-line-stream";
import { type Attack, ATTACKS, payloadOf, type Traffic } from "./attackers.ts";
import type { Place } from "./place.ts";

const root = new URL("../../..", import.meta.url);

/** A process that attacks a server for some time, or until nobody listens. Disposing of it kills it. */
export class AttackProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    const text = process.stdout.pipeThrough(new TextDecoderStream());
    this.#lines = text.pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
  }

  /** Starts it, and waits until it is connected. */
  static async start(
    attack: Attack,
    service: string,
    place: Place,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<AttackProcess> {
    const said = JSON.stringify({ attack: attack.name, service, place, milliseconds } satisfies Order);
    const args = ["run", "-q", "--no-prompt", "-P=soak", import.meta.url, said];
    const attacking = new AttackProcess(
      new Deno.Command(Deno.execPath(), { args, cwd: root, stdout: "piped", signal }).spawn(),
    );
    await attacking.#lines.next();
    return attacking;
  }

  /** Waits for the end of the attack. */
  async traffic(): Promise<Traffic> {
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error("The process of the attackers failed");
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#lines.return?.();
    await this.#process.status;
  }
}

/** The process's argument, as JSON. */
interface Order {
  attack: string;
  service: string;
  place: Place;
  milliseconds: number;
}

if (import.meta.main) {
  const { attack: name, service, place, milliseconds }: Order = JSON.parse(Deno.args[0]!);
  const attack = ATTACKS.find((attack) => attack.name === name)!;
  const payload = payloadOf(attack, service)!;
  const traffic: Traffic = { connections: 0, sent: 0, received: 0 };
  const end = new AbortController();
  setTimeout(() => end.abort(), milliseconds);
  const attacks = Array.from({ length: attack.attackers }, () => attack.attacker(place, payload, end.signal, traffic));
  const looking = setInterval(() => {
    if (traffic.connections === 0) return;
    console.log("connected");
    clearInterval(looking);
  }, 10);
  await Promise.all(attacks);
  console.log(JSON.stringify(traffic));
  Deno.exit();
}
