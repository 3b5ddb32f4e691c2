import type { InEvent, OutEvent } from "../../../lib/record/mod.ts";
import { pcapng } from "../../../lib/record/pcapng.ts";
import { plural } from "../../../lib/log/mod.ts";
import type { Flow, Row } from "../../../lib/record/flow.ts";
import type { Loaded } from "./files.ts";

/** Converts a recording to a capture, whose comments say how each piece relates to the messages. */
export function captureOf({ header, events, session }: Loaded): Generator<Uint8Array<ArrayBuffer>> {
  const pieces = new Map<Flow, Iterator<Row>>();

  function describe(event: InEvent | OutEvent): string {
    const where = `connection ${event.c} ${event.w}`;
    const flow = session.connections.get(event.c)![event.w];
    if (event.k === "in") {
      return event.i === undefined ? `${where}: read at byte ${event.at}` : `${where}: datagram ${event.i} arrived`;
    }
    let rows = pieces.get(flow);
    if (rows === undefined) pieces.set(flow, rows = flow.rows.filter(({ kind }) => kind === "piece").values());
    const row: Row = rows.next().value;
    // Wireshark shows the number of bytes, with which the description begins.
    const words = flow.describe(row).replace(/^\d+(: )?/, "");
    return `${where}: piece ${row.piece} of ${plural(row.n, "byte")}${words === "" ? "" : `, ${words}`}`;
  }

  return pcapng(header, events, describe);
}
