import { CommandError, printLine } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { connectTcp } from "../../lib/net/mod.ts";
import { formatOption, FORMATS, PORT } from "./protocol.ts";

const options = { format: formatOption };

async function main({ values: { format }, target }: ClientRun<typeof options>): Promise<void> {
  using connection = await connectTcp(target);
  const words = await FORMATS[format].receive(connection);
  if (words === undefined) throw new CommandError("The server ended without an object");
  await printLine(words);
}

if (import.meta.main) {
  await runClient({
    name: "objects",
    summary: "Gets an object, and prints it.",
    port: PORT,
    options,
  }, main);
}
