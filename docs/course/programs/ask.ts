import { connectUdp } from "@wirebench/wirebench/net";

using server = await connectUdp({ port: Number(Deno.args[0]) });
const answer = await server.request(new TextEncoder().encode("hello"), { timeout: 500, tries: 3 });
console.log("Answer:", Deno.inspect(new TextDecoder().decode(answer)));
