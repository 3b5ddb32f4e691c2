import { decimalHeader, FramingError, text } from "@wirebench/wirebench/framing";
import { framed, serveTcp } from "@wirebench/wirebench/net";

serveTcp({ port: Number(Deno.args[0]) }, async (connection) => {
  try {
    for await (const message of framed(connection, text(decimalHeader()))) {
      console.log("Received", Deno.inspect(message));
    }
  } catch (error) {
    if (error instanceof FramingError) console.log("Closed:", error.message);
    throw error;
  }
});
console.log("Listening");
