import { CommandError, writeStdout } from "../../lib/cli/mod.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { escapeText } from "../../lib/log/mod.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { formatOption, FORMATS, framing, PORT } from "./protocol.ts";

/** The characters printed for each byte received: twice the most that a byte needs if no value is repeated. */
const PRINTED_PER_BYTE = 16;
/** The characters printed of any object, however few its bytes. */
const PRINTED_ALWAYS = 65_536;
/** The characters that one write has at least, except the last. */
const WRITE_LENGTH = 65_536;

const options = { format: formatOption };

async function main({ values: { format }, target, requests: { stop } }: ClientRun<typeof options>): Promise<void> {
  using connection = await connectTcp(target);
  const payload = await framed(connection, framing).receive();
  if (payload === undefined) throw new CommandError("The server ended without an object");
  const limit = Math.max(PRINTED_ALWAYS, PRINTED_PER_BYTE * payload.length);
  if (await print(FORMATS[format].show(payload), limit, stop)) return;
  throw new CommandError(`Object too long: expected at most ${limit} characters for ${payload.length} bytes, got more`);
}

/**
 * Prints text from a peer on one line, escaped so that it cannot control a terminal.
 *
 * @param chunks The text, made on demand.
 * @param limit The most characters printed.
 * @param stop Aborts the printing.
 * @returns Whether all of the text was printed.
 */
async function print(chunks: Iterable<string>, limit: number, stop: AbortSignal): Promise<boolean> {
  const interrupted = Promise.withResolvers<never>();
  const interrupt = () => interrupted.reject(new CommandError("Interrupted"));
  interrupted.promise.catch(() => {});
  if (stop.aborted) interrupt();
  stop.addEventListener("abort", interrupt);
  // A write never ends if nobody reads standard output.
  const write = (text: string) => Promise.race([interrupted.promise, writeStdout(encodeText(text))]);

  let pending = "";
  let left = limit;
  for (const chunk of chunks) {
    const escaped = escapeText(chunk);
    left -= escaped.length;
    if (left < 0) break;
    pending += escaped;
    if (pending.length < WRITE_LENGTH) continue;
    await write(pending);
    pending = "";
  }
  await write(pending + (left < 0 ? "...\n" : "\n"));
  return left >= 0;
}

if (import.meta.main) {
  await runClient({
    ...task("objects:client"),
    summary: `Receives an object and prints it, up to ${PRINTED_PER_BYTE} characters for each byte received.`,
    port: PORT,
    options,
  }, main);
}
