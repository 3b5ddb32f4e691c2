import { fixed, text } from "@wirebench/wirebench/framing";
import { connectTcp, framed } from "@wirebench/wirebench/net";

using connection = await connectTcp({ port: Number(Deno.args[0]) });
const messages = framed(connection, text(fixed(16)));
console.log(Deno.inspect(await messages.request("Hi there, server", { timeout: 10_000 })));
