import { CommandError, writeStdout } from "../../lib/cli/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { escapeText } from "../../lib/log/mod.ts";
import { connectTcp } from "../../lib/net/mod.ts";
import { formatOption, FORMATS, PORT } from "./protocol.ts";

/** How many characters are shown for each byte that came: twice what any byte takes that is shown once. */
const SHOWN_PER_BYTE = 16;
/** How many characters are shown of any object. */
const SHOWN_ALWAYS = 65_536;
/** How many characters are written at once, or a few more. */
const BLOCK = 65_536;

const options = { format: formatOption };

async function main({ values: { format }, target, requests: { stop } }: ClientRun<typeof options>): Promise<void> {
  using connection = await connectTcp(target);
  const object = await FORMATS[format].receive(connection);
  if (object === undefined) throw new CommandError("The server ended without an object");
  const most = Math.max(SHOWN_ALWAYS, SHOWN_PER_BYTE * object.length);
  if (await print(object.words, most, stop)) return;
  throw new CommandError(`The object is cut: expected at most ${most} characters for ${object.length} bytes, got more`);
}

/** Writes a peer's words as they are made, on one line that cannot steer a terminal; returns whether they were all. */
async function print(words: Iterable<string>, most: number, stop: AbortSignal): Promise<boolean> {
  const interrupted = Promise.withResolvers<never>();
  const interrupt = () => interrupted.reject(new CommandError("Interrupted"));
  interrupted.promise.catch(() => {});
  if (stop.aborted) interrupt();
  stop.addEventListener("abort", interrupt);
  // A write may never end: nobody has to read standard output.
  const write = (text: string) => Promise.race([interrupted.promise, writeStdout(encodeText(text))]);

  let block = "";
  let left = most;
  for (const word of words) {
    const safe = escapeText(word);
    left -= safe.length;
    if (left < 0) break;
    block += safe;
    if (block.length < BLOCK) continue;
    await write(block);
    block = "";
  }
  await write(block + (left < 0 ? "...\n" : "\n"));
  return left >= 0;
}

if (import.meta.main) {
  await runClient({
    name: "objects",
    summary: `Gets an object and prints it, up to ${SHOWN_PER_BYTE} characters for each byte that came.`,
    port: PORT,
    options,
  }, main);
}
