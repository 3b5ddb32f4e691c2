import { serveTcp } from "@wirebench/wirebench/net";

serveTcp({ port: Number(Deno.args[0]), backlog: 128 }, async (connection) => {
  for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
});
console.log("Listening");
