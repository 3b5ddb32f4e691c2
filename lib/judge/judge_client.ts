import type { Finding } from "./case.ts";
import { clientCases } from "./cases/clients.ts";
import { ClientStage } from "./client_stage.ts";
import type { JudgeOptions } from "./judge.ts";
import { Patience } from "./patience.ts";
import type { Protocol } from "./protocol.ts";
import { protocolOf } from "./protocols/mod.ts";
import { runCases } from "./_runner.ts";

/** How long a client may take for anything by default, in milliseconds. Clients wait for 10 s or so themselves. */
export const CLIENT_TIMEOUT = 15_000;

/** Options of {@linkcode judgeClient}. */
export interface JudgeClientOptions extends Omit<JudgeOptions, "port"> {
  /** The program and its arguments, in which `{host}`, `{port}` and `{name}` are replaced. */
  readonly command: readonly string[];
}

/** Judges a client program: starts it again and again, and plays a server that is legal but hostile. */
export async function judgeClient(protocol: string | Protocol, options: JudgeClientOptions): Promise<Finding[]> {
  const described = typeof protocol === "string" ? protocolOf(protocol, options.options) : protocol;
  if (described.transport === "udp") throw new Error("not yet");
  const { client: side } = described;
  if (side === undefined) throw new TypeError(`The protocol ${described.name} does not describe its clients`);
  const { hostname = "127.0.0.1", timeout = CLIENT_TIMEOUT, command, tap } = options;
  const stage = new ClientStage({
    command,
    protocol: described,
    side,
    hostname,
    patience: new Patience(timeout),
    tap,
  });
  const cases = clientCases(described, side);
  const wanted = cases.filter(({ name }) => options.only === undefined || options.only.includes(name))
    .map((one) => stage.port === 0 ? one : { ...one, alone: true });
  return await runCases(wanted, {
    ...options,
    stage: () => stage,
    isAlive: () => Promise.resolve(stage.connected > 0),
  });
}
