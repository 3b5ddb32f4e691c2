/**
 * Judges programs that speak a protocol, in any language: treats them as a network and strangers may, and says in plain
 * words what broke, with the bytes.
 *
 * ```ts
 * import { judge } from "@wirebench/wirebench/judge";
 * import { serveEcho } from "@wirebench/wirebench/echo";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveEcho({ port: 0 });
 * const findings = await judge("echo", { port: server.addr.port, only: ["plain", "half-close"] });
 * assertEquals(findings.map(({ verdict }) => verdict), ["right", "right"]);
 * ```
 *
 * A protocol of one's own over any framing is described by {@linkcode stream}.
 *
 * @module
 */

export {
  type Case,
  type CaseWords,
  type Finding,
  type Level,
  NobodyThere,
  Unjudged,
  type Verdict,
  Wrong,
  type WrongOptions,
} from "./case.ts";
export { Run, type RunResult } from "./client_run.ts";
export type { ClientSide } from "./client_side.ts";
export { ClientStage, type ClientStageOptions, type SharedByCases } from "./client_stage.ts";
export { type Answer, Conversation, type Treatment } from "./conversation.ts";
export { DatagramPeer, DatagramStage } from "./datagrams.ts";
export { judge, type JudgeOptions, serverCases, TIMEOUT } from "./judge.ts";
export { CLIENT_TIMEOUT, clientCases, judgeClient, type JudgeClientOptions } from "./judge_client.ts";
export type { Manner } from "./manner.ts";
export { Patience } from "./patience.ts";
export { Peer, type PeerEnd, type PeerOptions } from "./peer.ts";
export { type Exit, Output, Program } from "./program.ts";
export type {
  ClientRun,
  Data,
  DatagramProtocol,
  DatagramScript,
  Protocol,
  ProtocolDescription,
  ProtocolOption,
  Script,
  StreamProtocol,
} from "./protocol.ts";
export { PROTOCOL_NAMES, protocolOf, protocolOptions } from "./protocols/mod.ts";
export { type Connector, type Footprint, ServerStage, type ServerStageOptions } from "./stage.ts";
export { stream, type StreamDescription } from "./stream.ts";
export { StreamClient } from "./stream_client.ts";
export { recordedBy, type Tap, type TappedConnection } from "./tap.ts";
