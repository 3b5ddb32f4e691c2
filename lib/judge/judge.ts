import type { CaseWords, Finding } from "./case.ts";
import { converse, datagramCases } from "./cases/datagrams.ts";
import { briefly, streamCases } from "./cases/streams.ts";
import { DatagramPeer, DatagramStage } from "./datagrams.ts";
import { inTurns } from "./manner.ts";
import { Patience } from "./patience.ts";
import type { Protocol } from "./protocol.ts";
import { protocolOf } from "./protocols/mod.ts";
import { runCases } from "./_runner.ts";
import { type Footprint, ServerStage } from "./stage.ts";
import type { Tap } from "./tap.ts";

/** How long to wait for anything by default, in milliseconds. */
export const TIMEOUT = 5000;

/** Options of {@linkcode judge}. */
export interface JudgeOptions {
  /** The port; that of the protocol by default. */
  readonly port?: number | undefined;
  /** The host. @default {"127.0.0.1"} */
  readonly hostname?: string | undefined;
  /** How long to wait for anything that is owed, in milliseconds. @default {5000} */
  readonly timeout?: number | undefined;
  /** The names of the cases to run; all by default. */
  readonly only?: readonly string[] | undefined;
  /** Options of the protocol, if it is given by name. */
  readonly options?: Readonly<Record<string, string>> | undefined;
  /** How long the server lets clients be silent, in milliseconds, if that is to be judged. */
  readonly silence?: number | undefined;
  /** Measures the server's process, if its memory and descriptors are to be judged. */
  readonly measure?: (() => Promise<Footprint>) | undefined;
  /** Called when a case begins. */
  readonly onCase?: ((name: string, number: number, count: number) => void) | undefined;
  /** Called with each finding. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** Stops the run. */
  readonly signal?: AbortSignal | undefined;
  /** Records the connections. */
  readonly tap?: Tap | undefined;
}

/**
 * Judges a running server.
 *
 * @param protocol The program whose protocol it speaks, such as `echo`, or a description.
 * @param options Where it listens, and which cases to run.
 * @returns A finding for each case, in the order of the cases.
 * @throws {NobodyThere} If nobody listens there.
 * @throws {TypeError} If there is no such program, option or case.
 *
 * @example Every finding as it comes
 * ```ts
 * import { judge } from "@wirebench/wirebench/judge";
 * import { serveLines } from "@wirebench/wirebench/lines";
 *
 * await using server = serveLines({ port: 0 });
 * await judge("lines", {
 *   port: server.addr.port,
 *   only: ["plain", "crlf-cut"],
 *   onFinding: ({ case: name, verdict, said }) => console.log(verdict, name, said),
 * });
 * ```
 */
export async function judge(protocol: string | Protocol, options: JudgeOptions = {}): Promise<Finding[]> {
  const described = typeof protocol === "string" ? protocolOf(protocol, options.options) : protocol;
  const { hostname = "127.0.0.1", port = described.port, timeout = TIMEOUT } = options;
  const lag = described.transport === "tcp" ? described.lag : 0;
  const patience = new Patience(timeout + lag, options.signal);
  const othersDone = Promise.withResolvers<void>();
  const onOthersDone = () => othersDone.resolve();
  const at = ({ name }: { name: string }, { tap } = options) => ({
    hostname,
    port,
    patience,
    measure: options.measure,
    silence: options.silence,
    othersDone: othersDone.promise,
    tap: tap && { opened: (peer: string, datagrams?: boolean) => tap.opened(`${peer} ${name}`, datagrams) },
  });
  if (described.transport === "udp") {
    using first = new DatagramPeer(at({ name: "plain" }));
    const stage = (one: { name: string }) => new DatagramStage(at(one), first);
    const isAlive = () => succeeds(() => converse(first, described));
    return await runCases(chosen(datagramCases(described), options.only), { ...options, stage, isAlive, onOthersDone });
  }
  const stage = (one: { name: string }) => new ServerStage(at(one));
  const isAlive = () => succeeds(() => briefly(described).converse(stage({ name: "alive" }), inTurns));
  return await runCases(chosen(streamCases(described), options.only), { ...options, stage, isAlive, onOthersDone });
}

async function succeeds(act: () => Promise<void>): Promise<boolean> {
  return await act().then(() => true, () => false);
}

/**
 * Lists the cases for servers of a protocol, in the order in which they run.
 *
 * @param protocol The protocol.
 * @returns The cases.
 */
export function serverCases(protocol: Protocol): readonly CaseWords[] {
  return protocol.transport === "udp" ? datagramCases(protocol) : streamCases(protocol);
}

/** Chooses the cases with the given names, or all. */
export function chosen<One extends CaseWords>(cases: readonly One[], only: readonly string[] | undefined): One[] {
  const unknown = only?.find((name) => cases.every((one) => one.name !== name));
  if (unknown === undefined) return cases.filter(({ name }) => only === undefined || only.includes(name));
  throw new TypeError(`Expected one of ${cases.map(({ name }) => name).join(", ")}, got "${unknown}"`);
}
