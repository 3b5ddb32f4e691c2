import { CommandError, isInteractive, openConversation, text, UsageError } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { after, connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, nameProblem, PORT } from "./protocol.ts";

const options = {
  name: text("NAME", "Your name (default: the program asks for it)", ""),
};

async function main(run: ClientRun<typeof options>): Promise<void> {
  const { values, target, timeout, requests, log } = run;
  if (values.name === "" && !isInteractive()) throw new UsageError("--name is needed without a terminal");

  using conversation = openConversation(requests);
  requests.stop.addEventListener("abort", () => conversation[Symbol.dispose]());
  const name = values.name !== "" ? values.name : await conversation.ask("Username: ");
  if (requests.stop.aborted) return;
  if (name === undefined) throw new CommandError("Standard input ended before a name");
  const expected = nameProblem(name);
  if (expected !== undefined) throw new UsageError(`Expected ${expected}, got "${name}"`);

  // The other members may stay silent, so the wait for a message has no timeout.
  using connection = await connectTcp({ ...target, firstMessageTimeout: Infinity, idleTimeout: Infinity });
  const messages = framed(connection, framing());
  await messages.send(name);
  conversation.prompt = `${name} > `;
  let leaving = false;
  let cancelClose = () => {};

  async function sendLines(): Promise<void> {
    for await (const line of conversation.lines()) {
      if (line === "") continue;
      await messages.send(line);
      log.said("Client", connection.remote, line);
    }
    // The server ends its side once it has sent all earlier messages; if it does not, the client closes.
    leaving = true;
    await connection.closeWrite();
    cancelClose = after(timeout, () => connection.close());
  }

  async function showMessages(): Promise<void> {
    for await (const sender of messages) {
      const text = await messages.receive({ timeout });
      if (text === undefined) throw new CommandError("The server ended between a name and its text");
      await conversation.show(`${sender} > ${text}`);
    }
    if (!leaving) throw new CommandError("The server ended the chat");
  }

  try {
    await Promise.all([sendLines(), showMessages()]);
  } catch (error) {
    if (!requests.stop.aborted && connection.reason !== "finished") throw error;
  } finally {
    cancelClose();
  }
}

if (import.meta.main) {
  await runClient({
    name: "chat",
    summary: "Sends what you type to all members of the chat, and shows their messages.",
    port: PORT,
    options,
  }, main);
}
