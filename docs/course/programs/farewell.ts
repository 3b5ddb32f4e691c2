import { fixed, text } from "@wirebench/wirebench/framing";
import { framed, serveTcp } from "@wirebench/wirebench/net";

serveTcp({ port: Number(Deno.args[0]) }, async (connection) => {
  const messages = framed(connection, text(fixed(16)));
  if (await messages.receive() !== undefined) await messages.send("Farewell, client");
});
console.log("Listening");
