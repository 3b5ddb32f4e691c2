import { concat } from "@std/bytes/concat";
import { pcapng } from "../../lib/record/pcapng.ts";
import type { RecordedEvent, RecordingHeader } from "../../lib/record/mod.ts";
import { hasProgram, textOf } from "../harness.ts";

export const hasTshark = hasProgram("tshark", "--version");
/** The end of the name of a test that needs it. */
export const why = hasTshark ? "" : " (ignored: no tshark here)";

/** Runs tshark on a capture, with checksums checked, and returns what it prints. */
export function tshark(capture: string, ...args: string[]): string {
  const checks = ["ip", "tcp", "udp"].flatMap((protocol) => ["-o", `${protocol}.check_checksum:TRUE`]);
  const { success, stdout, stderr } = new Deno.Command("tshark", { args: ["-n", "-r", capture, ...checks, ...args] })
    .outputSync();
  if (!success) throw new Error(textOf(stderr));
  return textOf(stdout);
}

/** Fields of packets: a row for each packet that the filter lets through. */
export function fieldsOf(capture: string, fields: string[], filter = "frame", ...more: string[]): string[][] {
  const args = fields.flatMap((field) => ["-e", field]);
  const rows = tshark(
    capture,
    ...more,
    "-T",
    "fields",
    "-E",
    "separator=/t",
    "-E",
    "aggregator=/s",
    ...args,
    "-Y",
    filter,
  );
  return rows.split("\n").slice(0, -1).map((row) => row.split("\t"));
}

/** The bytes that "Follow Stream" shows, by direction: 0 is from the side that connected. */
export function follow(capture: string, stream: number, protocol = "tcp"): [Uint8Array, Uint8Array] {
  const lines = tshark(capture, "-q", "-z", `follow,${protocol},raw,${stream}`).split("\n").slice(6, -2);
  const bytesOf = (answer: boolean) =>
    Uint8Array.fromHex(lines.filter((line) => line.startsWith("\t") === answer).join("").replaceAll("\t", ""));
  return [bytesOf(false), bytesOf(true)];
}

/** Whatever tshark finds wrong. */
export function complaints(capture: string, ...more: string[]): string[][] {
  const wrong = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || " +
    "tcp.analysis.flags || _ws.expert.severity >= 0x00600000";
  return fieldsOf(
    capture,
    ["frame.number", "_ws.col.Info", "_ws.expert.message"],
    `(${wrong}) && !(tcp.flags.reset == 1)`,
    ...more,
  );
}

/** Writes a capture. */
export function writeCapture(path: string, header: RecordingHeader, events: readonly RecordedEvent[]): void {
  Deno.writeFileSync(path, concat([...pcapng(header, events)]));
}

export const HEADER: RecordingHeader = {
  wirebench: 1,
  began: "2026-01-01T00:00:00.000Z",
  listen: "tcp://127.0.0.1:9000",
  to: "tcp://127.0.0.1:9001",
  seed: 1,
  faults: {},
};
