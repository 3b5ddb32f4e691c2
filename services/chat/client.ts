import { CommandError, isInteractive, openConversation, text, UsageError } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { after, connectTcp, framed } from "../../lib/net/mod.ts";
import { faultOfName, framing, PORT } from "./protocol.ts";

const options = {
  name: text("NAME", "Who you are (default: asked for)", ""),
};

async function main(run: ClientRun<typeof options>): Promise<void> {
  const { values, target, timeout, requests, log } = run;
  if (values.name === "" && !isInteractive()) throw new UsageError("--name is needed when nobody is there to be asked");

  using conversation = openConversation(requests);
  requests.stop.addEventListener("abort", () => conversation[Symbol.dispose]());
  const name = values.name !== "" ? values.name : await conversation.ask("Username: ");
  if (requests.stop.aborted) return;
  if (name === undefined) throw new CommandError("No name was given");
  const expected = faultOfName(name);
  if (expected !== undefined) throw new UsageError(`Expected ${expected}, got "${name}"`);

  // Nobody owes the next message, so a client waits for it as long as the server stays.
  using connection = await connectTcp({ ...target, firstMessageTimeout: Infinity, idleTimeout: Infinity });
  const messages = framed(connection, framing());
  await messages.send(name);
  conversation.prompt = `${name} > `;
  let leaving = false;
  let goodbye = () => {};

  async function say(): Promise<void> {
    for await (const line of conversation.lines()) {
      if (line === "") continue;
      await messages.send(line);
      log.said("Client", connection.remote, line);
    }
    // Nobody owes a goodbye, but what others have said by now is still on its way.
    leaving = true;
    await connection.closeWrite();
    goodbye = after(timeout, () => connection.close());
  }

  async function listen(): Promise<void> {
    for await (const who of messages) {
      const said = await messages.receive(timeout);
      if (said === undefined) throw new CommandError("The server ended between a name and its message");
      await conversation.show(`${who} > ${said}`);
    }
    if (!leaving) throw new CommandError("The server ended the chat");
  }

  try {
    await Promise.all([say(), listen()]);
  } catch (error) {
    if (!requests.stop.aborted && connection.reason !== "finished") throw error;
  } finally {
    goodbye();
  }
}

if (import.meta.main) {
  await runClient({
    name: "chat",
    summary: "Says what you type to everybody in the chat, and shows what they say.",
    port: PORT,
    options,
  }, main);
}
