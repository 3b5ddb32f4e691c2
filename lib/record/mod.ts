/**
 * Recordings of what passed a proxy: a recorder in bounded memory, its readers, a file, and a parser; captures and
 * dissectors for Wireshark; a replay.
 *
 * @module
 */

export type {
  CloseEvent,
  ConnectionFields,
  Direction,
  EndEvent,
  FaultEvent,
  FromEvent,
  InEvent,
  OpenEvent,
  OutEvent,
  PauseEvent,
  RecordedEvent,
  RecordingHeader,
  SetEvent,
  SkipEvent,
  StepEvent,
  StreamFields,
} from "./event.ts";
export { dissector, type DissectorFraming, dissectorName } from "./dissector.ts";
export { type RecordingFileOptions, recordToFile } from "./file.ts";
export { parseRecording, readRecording, type Recording } from "./parse.ts";
export { type DescribeEvent, pcapng } from "./pcapng.ts";
export { Cursor, Recorder, type RecorderOptions } from "./recorder.ts";
export {
  replay,
  type ReplayDifference,
  type ReplayedConnection,
  type ReplayOptions,
  type ReplayTarget,
} from "./replay.ts";
export type { FaultKind, ProxyDescription, ProxyTap, StepUnit } from "./tap.ts";
