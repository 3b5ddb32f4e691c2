import { decimalHeader, FramingError, pickle } from "@wirebench/wirebench/framing";
import { connectTcp, framed } from "@wirebench/wirebench/net";

using connection = await connectTcp({ port: Number(Deno.args[0]) });
try {
  console.log(await framed(connection, pickle(decimalHeader())).receive({ timeout: 10_000 }));
} catch (error) {
  if (!(error instanceof FramingError)) throw error;
  console.log("Refused:", error.message);
}
