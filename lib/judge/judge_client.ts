import type { Case, Finding } from "./case.ts";
import { clientCases } from "./cases/clients.ts";
import { datagramClientCases } from "./cases/datagram_clients.ts";
import { DatagramClient } from "./datagram_client.ts";
import { StreamClient } from "./stream_client.ts";
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
  const { client: side } = described;
  if (side === undefined) throw new TypeError(`The protocol ${described.name} does not describe its clients`);
  const { hostname = "127.0.0.1", timeout = CLIENT_TIMEOUT, command, tap } = options;
  const common = { command, side, hostname, patience: new Patience(timeout), tap };
  return await (described.transport === "tcp"
    ? run(new StreamClient({ ...common, protocol: described }), clientCases(described, side), options)
    : run(new DatagramClient({ ...common, protocol: described }), datagramClientCases(side), options));
}

/** Runs the cases, one after another if the client's port is fixed. */
function run<Stage extends { readonly port: number; connected: number }>(
  stage: Stage,
  cases: readonly Case<Stage>[],
  { only, ...options }: JudgeClientOptions,
): Promise<Finding[]> {
  const wanted = cases.filter(({ name }) => only === undefined || only.includes(name))
    .map((one) => stage.port === 0 ? one : { ...one, alone: true });
  return runCases(wanted, {
    ...options,
    stage: () => stage,
    isAlive: () => Promise.resolve(stage.connected > 0),
  });
}
