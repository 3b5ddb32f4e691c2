// Lines, served by the loop that anybody writes first with this library: library.ts lines prints its port.

import { lines, text } from "../../../../lib/framing/mod.ts";
import { framed, serveTcp } from "../../../../lib/net/mod.ts";

const server = serveTcp({ port: 0 }, async (connection) => {
  const messages = framed(connection, text(lines()));
  for await (const _line of messages) await messages.send("Hello Node!");
});
console.log(server.addr.port);
