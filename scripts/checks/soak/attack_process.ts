// Attackers run in their own process, so that they do not delay the clients that measure.

import { ChildProcess } from "../../shared/child_process.ts";
import { type Attack, ATTACKS, payloadOf, type Traffic } from "./attackers.ts";
import type { Endpoint } from "./endpoint.ts";
import { nameOf, type Scenario, SCENARIOS } from "./scenarios.ts";

const root = new URL("../../..", import.meta.url);

/** A process that attacks a server for some time, or until nothing listens. */
export class AttackProcess extends ChildProcess {
  /** Starts it, and waits until it is connected. */
  static async start(
    attack: Attack,
    scenario: Scenario,
    endpoint: Endpoint,
    milliseconds: number,
    signal: AbortSignal,
  ): Promise<AttackProcess> {
    const order = JSON.stringify(
      { attack: attack.name, scenario: nameOf(scenario), endpoint, milliseconds } satisfies Order,
    );
    const args = ["run", "-q", "--no-prompt", "-P=soak", import.meta.url, order];
    const process = new AttackProcess(
      new Deno.Command(Deno.execPath(), { args, cwd: root, stdout: "piped", signal }).spawn(),
    );
    await process.line();
    return process;
  }

  /** Waits for the end of the attack. */
  async traffic(): Promise<Traffic> {
    const line = await this.line();
    if (line === undefined) throw new Error("The process of the attackers failed");
    return JSON.parse(line);
  }
}

/** The argument of the process, as JSON. */
interface Order {
  attack: string;
  scenario: string;
  endpoint: Endpoint;
  milliseconds: number;
}

if (import.meta.main) {
  const { endpoint, milliseconds, ...names }: Order = JSON.parse(Deno.args[0]!);
  const attack = ATTACKS.find(({ name }) => name === names.attack)!;
  const { protocol } = SCENARIOS.find((scenario) => nameOf(scenario) === names.scenario)!;
  const payload = payloadOf(attack, protocol)!;
  const traffic: Traffic = { connections: 0, sent: 0, received: 0 };
  const end = new AbortController();
  setTimeout(() => end.abort(), milliseconds);
  const attacks = Array.from(
    { length: attack.attackers },
    () => attack.attacker(endpoint, payload, end.signal, traffic),
  );
  const timer = setInterval(() => {
    if (traffic.connections === 0) return;
    console.log("connected");
    clearInterval(timer);
  }, 10);
  await Promise.all(attacks);
  console.log(JSON.stringify(traffic));
  Deno.exit();
}
