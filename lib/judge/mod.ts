/**
 * Judges programs that speak a protocol: connects to a server in every way that a network and a stranger may, and says
 * in plain words what broke, with the bytes.
 *
 * @module
 */

export { type Case, type Finding, type Level, NobodyThere, Unjudged, type Verdict, Wrong } from "./case.ts";
export { judge, type JudgeOptions } from "./judge.ts";
export type { ClientRun, Data, DatagramProtocol, Protocol, Script, StreamProtocol } from "./protocol.ts";
