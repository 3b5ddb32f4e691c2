import { type Finding, NobodyThere } from "./case.ts";
import { streamCases } from "./cases/streams.ts";
import { Patience } from "./patience.ts";
import type { Protocol } from "./protocol.ts";
import { protocolOf } from "./protocols/mod.ts";
import { runCases } from "./_runner.ts";
import { ServerStage } from "./stage.ts";
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
  /** Called when a case begins. */
  readonly onCase?: ((name: string, number: number, count: number) => void) | undefined;
  /** Called with each finding. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** Stops the run. */
  readonly signal?: AbortSignal | undefined;
  /** Records the connections. */
  readonly tap?: Tap | undefined;
}

/** Judges a running server. */
export async function judge(protocol: string | Protocol, options: JudgeOptions = {}): Promise<Finding[]> {
  const described = typeof protocol === "string" ? protocolOf(protocol, options.options) : protocol;
  if (described.transport === "udp") throw new Error("not yet");
  const { hostname = "127.0.0.1", port = described.port, timeout = TIMEOUT, only, tap } = options;
  const patience = new Patience(timeout);
  const stage = ({ name }: { name: string }) =>
    new ServerStage({ hostname, port, patience, tap: tap && { opened: (peer) => tap.opened(`${name} ${peer}`) } });
  const isAlive = async () => {
    try {
      (await stage({ name: "alive" }).connect()).close();
      return true;
    } catch (error) {
      return !(error instanceof NobodyThere);
    }
  };
  const cases = streamCases(described).filter(({ name }) => only === undefined || only.includes(name));
  return await runCases(cases, { ...options, stage, isAlive });
}
