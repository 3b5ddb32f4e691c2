/**
 * Recordings of what passed a proxy: a recorder in bounded memory, its readers, a file, and a parser.
 *
 * @module
 */

export type {
  CloseEvent,
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
} from "./event.ts";
export { type RecordingFileOptions, recordToFile } from "./file.ts";
export { parseRecording, readRecording, type Recording } from "./parse.ts";
export { Cursor, Recorder, type RecorderOptions } from "./recorder.ts";
export type { FaultKind, ProxyDescription, ProxyTap, StepUnit } from "./tap.ts";
