// What the page and its server say to each other. Types only, so that the page can import them.
//
// GET  .           the page
// GET  events      server-sent events: `event: state` with a State, first and after each change; all other events are
//                  arrays of RecordedEvents, with the position after them as id. It continues after `Last-Event-ID`, or
//                  after `events?after=ID` for a new EventSource.
// POST control     a Control as JSON; answers {"ok":true}, or 400 and {"error":"one line"}
// GET  recording   what is in memory, as a file of JSON lines
// GET  session.html  the same as one page that works without a server

import type { Direction, RecordingHeader } from "../../../lib/record/event.ts";

/** The state of the server and the proxy. */
export interface State {
  readonly header: RecordingHeader;
  /** The faults in force: the proxy's options, with times in milliseconds and ranges as `[least, most]`. */
  readonly faults: Readonly<Record<string, unknown>>;
  readonly paused: boolean;
  readonly seed: number;
  /** The service behind the proxy, unless it is a program of the user's own. */
  readonly service?: string | undefined;
  /** The command line of a client. */
  readonly command?: string | undefined;
  /** Whether there is an exchange to run. */
  readonly exchange: boolean;
  /** Whether it is running. */
  readonly running: boolean;
  /** How the last exchange ended: `right`, or what went wrong. */
  readonly outcome?: string | undefined;
}

/** A request of the page. */
export type Control =
  /**
   * Replaces all faults. A value is that of the proxy's option (`[2, 20]` milliseconds), or the text of the command line
   * (`"0.002-0.02"` seconds), as in a scene. Names are the options' (`stopAfter`) or the command line's (`stop-after`).
   * Among them may be a `seed`; random numbers begin again with it.
   */
  | { readonly do: "faults"; readonly faults: Readonly<Record<string, unknown>> }
  | { readonly do: "pause" | "resume" | "exchange" }
  | {
    readonly do: "step";
    readonly connection: number;
    readonly way: Direction;
    readonly unit: "byte" | "piece" | "message";
  }
  | { readonly do: "end"; readonly connection: number; readonly way: Direction }
  | { readonly do: "reset"; readonly connection: number };
