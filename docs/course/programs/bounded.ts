import { serveTcp } from "@wirebench/wirebench/net";

const timeout = Number(Deno.args[1]) * 1000;
serveTcp({
  port: Number(Deno.args[0]),
  idleTimeout: timeout,
  writeTimeout: timeout,
  maxConnections: 1000,
}, async (connection) => {
  for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
});
console.log("Listening");
