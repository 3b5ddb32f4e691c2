import { type Case, type CaseWords, type Finding, Unjudged } from "./case.ts";
import { clientCases as streamClientCases } from "./cases/clients.ts";
import { datagramClientCases } from "./cases/datagram_clients.ts";
import type { ClientSide } from "./client_side.ts";
import type { ClientStageOptions, SharedByCases } from "./client_stage.ts";
import { DatagramClient } from "./datagram_client.ts";
import { chosen, type JudgeOptions } from "./judge.ts";
import { Patience } from "./patience.ts";
import type { Protocol, ProtocolDescription } from "./protocol.ts";
import { protocolOf } from "./protocols/mod.ts";
import { runCases } from "./_runner.ts";
import { StreamClient } from "./stream_client.ts";

/** How long a client may take for anything by default, in milliseconds: many wait 10 s for an answer. */
export const CLIENT_TIMEOUT = 15_000;

/** Options of {@linkcode judgeClient}. */
export interface JudgeClientOptions extends Omit<JudgeOptions, "port" | "silence" | "measure"> {
  /**
   * The program and its arguments, in which `{host}`, `{port}` and `{name}` are replaced. Without `{port}` the judge
   * listens at the port of the protocol, and runs one case after another.
   */
  readonly command: readonly string[];
  /** The address at which the judge listens. @default {"127.0.0.1"} */
  readonly hostname?: string | undefined;
  /** How long the client may take for anything, in milliseconds. @default {15000} */
  readonly timeout?: number | undefined;
}

/**
 * Judges a client: starts it for each case, plays a server that is legal but hostile, and looks at what the client
 * sends, prints and does.
 *
 * @param protocol The name of a program, such as `echo`, or a protocol that describes its clients.
 * @param options The command, and how to judge it.
 * @returns The findings, in the order of the cases.
 * @throws {NobodyThere} If the command cannot be started, or does not connect.
 * @throws {TypeError} If the protocol or a case is not known, or does not describe its clients.
 *
 * @example A client that reads once
 * ```ts ignore
 * import { judgeClient } from "@wirebench/wirebench/judge";
 *
 * const findings = await judgeClient("echo", { command: ["python3", "client.py", "{host}", "{port}"] });
 * for (const { case: name, verdict, said } of findings) console.log(verdict, name, said);
 * ```
 */
export function judgeClient(protocol: string | Protocol, options: JudgeClientOptions): Promise<Finding[]> {
  const described = typeof protocol === "string" ? protocolOf(protocol, options.options) : protocol;
  const side = sideOf(described);
  return described.transport === "tcp"
    ? run(StreamClient, described, streamClientCases(described, side), options)
    : run(DatagramClient, described, datagramClientCases(side), options);
}

/**
 * Lists the cases for clients of a protocol, in the order in which they run.
 *
 * @param protocol The protocol.
 * @returns The cases.
 * @throws {TypeError} If it does not describe its clients.
 */
export function clientCases(protocol: Protocol): readonly CaseWords[] {
  const side = sideOf(protocol);
  return protocol.transport === "tcp" ? streamClientCases(protocol, side) : datagramClientCases(side);
}

function sideOf({ name, client }: ProtocolDescription): ClientSide {
  if (client !== undefined) return client;
  throw new TypeError(`Expected a protocol that describes its clients, got ${name}`);
}

/** Runs the cases, one after another if the client's port is fixed. */
function run<Protocol extends ProtocolDescription, Stage extends { readonly port: number; readonly connected: number }>(
  Client: new (options: ClientStageOptions<Protocol>) => Stage,
  protocol: Protocol,
  cases: readonly Case<Stage>[],
  options: JudgeClientOptions,
): Promise<Finding[]> {
  const { command, hostname = "127.0.0.1", timeout = CLIENT_TIMEOUT, only, tap, signal } = options;
  const shared: SharedByCases = { connected: 0 };
  const patience = new Patience(timeout);
  const stage = ({ name }: CaseWords) =>
    new Client({
      command,
      protocol,
      side: sideOf(protocol),
      hostname,
      patience,
      shared,
      signal,
      tap: tap && { opened: (peer: string, datagrams?: boolean) => tap.opened(`${peer} ${name}`, datagrams) },
    });
  const inTurns = stage(cases[0]!).port !== 0 ? { alone: true, background: false } : {};
  const wanted = chosen(cases, only).map((one) => ({
    ...one,
    ...inTurns,
    run: (stage: Stage) => play(one, stage, signal),
  }));
  return runCases(wanted, {
    ...options,
    stage,
    isAlive: () => Promise.resolve(shared.connected > 0 || signal?.aborted === true),
  });
}

/** Runs a case, which is not judged if it is interrupted. */
async function play<Stage>(one: Case<Stage>, stage: Stage, signal: AbortSignal | undefined): Promise<void> {
  const interrupted = () => {
    if (signal?.aborted) throw new Unjudged("Interrupted");
  };
  await one.run(stage).finally(interrupted);
}
