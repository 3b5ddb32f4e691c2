/**
 * Shows, converts and replays recordings. See `deno task recording --help`.
 *
 * @module
 */

import { flag, type Option, seconds, UsageError } from "../../lib/cli/mod.ts";
import { endpoint, type Program, runTask, type TaskRun } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { parseFraming } from "../../lib/framing/mod.ts";
import { outputFile } from "../../services/proxy/record.ts";
import { dissectorOf } from "./recording/dissector.ts";
import { type Loaded, loadRecording, textOf, writeOutput } from "./recording/files.ts";
import { replayRecording } from "./recording/replay.ts";
import { show } from "./recording/show.ts";
import { captureOf } from "./recording/capture.ts";
import { testOf } from "./recording/test.ts";

const framing: Option<string | undefined> = {
  placeholder: "NAME",
  help: "The framing of the messages, in place of the recording's: header, lines, fixed:24 ...",
  default: undefined,
  shown: "",
  parse(given) {
    parseFraming(given);
    return given;
  },
};

const options = {
  output: { ...outputFile("Write to this file, not to standard output; replay has none"), short: "o" },
  framing,
  to: endpoint("replay: the server, as tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH"),
  asFast: flag("replay: leave out the times between events; answers are still awaited"),
  timeout: seconds("replay: the longest wait for an answer", 10_000),
};

/** What a command makes of a recording, in chunks. */
type Conversion = (recording: Loaded, toTerminal: boolean) => Iterable<string | Uint8Array> | Promise<string[]>;

const CONVERSIONS: Record<string, Conversion> = {
  show: (recording, toTerminal) => show(recording, toTerminal && !Deno.noColor),
  pcapng: captureOf,
  async page(recording) {
    // Loaded here, since no other command needs it.
    const { sessionPage } = await import("./see/page.ts");
    return [sessionPage(textOf(recording))];
  },
  test: (recording) => [testOf(recording)],
};
const COMMANDS = [...Object.keys(CONVERSIONS), "replay", "dissector"];

async function main({ values, operands, requests: { stop }, attempt }: TaskRun<typeof options>): Promise<void> {
  const { output, framing, to, asFast, timeout } = values;
  const [command = "", ...names] = operands;
  if (!COMMANDS.includes(command)) throw new UsageError(`Expected one of ${COMMANDS.join(", ")}, got "${command}"`);
  if (command === "dissector") return await writeOutput([await dissectorOf(names, framing, stop)], output, stop);
  const [file, more] = names;
  if (file === undefined) throw new UsageError(`${command} needs a FILE: a recording such as recordings/a.jsonl, or -`);
  if (more !== undefined) throw new UsageError(`Unexpected argument "${more}": expected one FILE`);
  if (command === "replay" && to === undefined) {
    throw new UsageError("--to is needed: tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH");
  }
  const recording = await loadRecording(file, framing, stop);
  if (command === "replay") {
    return await replayRecording(recording, { to: to!, asFast, timeout, signal: stop }, attempt);
  }
  const chunks = await CONVERSIONS[command]!(recording, output === undefined && Deno.stdout.isTerminal());
  await writeOutput(chunks, output, stop);
}

if (import.meta.main) {
  const program: Program = {
    ...task("recording"),
    advice: {
      grant: (flags) => `deno run -P=recording ${flags} scripts/tools/recording.ts`,
      kept: { read: ["recordings"], write: ["recordings"] },
    },
  };
  await runTask(
    {
      ...program,
      summary: `Shows, converts and replays recordings. Commands:

  show       Print what happened: connections, messages, the pieces in which they arrived, faults
  pcapng     Convert to a capture for Wireshark
  page       Convert to a page that shows it in a browser: one HTML file
  replay     Play the client's side against a server, and compare its answers; exit code 1 if they differ
  test       Write a Deno test that replays it, and one of the decoder with the pieces as they were
  dissector  Write dissectors for Wireshark, in Lua: of all framings, of some by name, or of a recording`,
      operands: {
        usage: "COMMAND FILE",
        help: "The command, and a recording such as recordings/a.jsonl, or - for standard input",
        most: Infinity,
      },
      options,
      example: [
        "The messages of a chat in Wireshark",
        "deno task recording pcapng recordings/a.jsonl -o recordings/a.pcapng",
      ],
    },
    "warning",
    main,
  );
}
