import { type Connection, serveTcp, type ServeTcpOptions } from "@wirebench/wirebench/net";

/** A server that hands its one connection to the test. Its handler returns when `done` is called. */
export function oneConnection(
  options: ServeTcpOptions = {},
): AsyncDisposable & { port: number; connection: Promise<Connection>; done: () => void } {
  const accepted = Promise.withResolvers<Connection>();
  const done = Promise.withResolvers<void>();
  const server = serveTcp(options, (connection) => {
    accepted.resolve(connection);
    return done.promise;
  });
  return {
    port: server.addr.port,
    connection: accepted.promise,
    done: done.resolve,
    async [Symbol.asyncDispose]() {
      done.resolve();
      await server.shutdown();
    },
  };
}
