import { serveTcp } from "@wirebench/wirebench/net";

const seconds = 1000;
serveTcp({
  port: Number(Deno.args[0]),
  idleTimeout: 60 * seconds,
  writeTimeout: 60 * seconds,
  maxConnections: 1000,
}, async (connection) => {
  for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
});
console.log("Listening");
