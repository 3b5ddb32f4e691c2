import { TextLineStream } from "@std/streams/text-line-stream";
import { CommandError } from "../../../lib/cli/mod.ts";
import { command, grantsOf } from "../../shared/processes.ts";
import { within } from "../../shared/within.ts";

/** The server of a service, a process in its own sandbox. Disposing of it stops it. */
export interface Service extends AsyncDisposable {
  readonly port: number;
  /** Rejects when the server ends by itself. */
  readonly failed: Promise<never>;
}

/** Starts the server of a service on a free port, and waits until it listens. It ends with this program, even if killed. */
export async function startService(service: string, args: string[]): Promise<Service> {
  const streams = { stdin: "piped", stdout: "null" } as const;
  const permissions = [...grantsOf(service, "server"), "--preload=scripts/tools/see/end_with_stdin.ts"];
  const process = command(service, "server", { args, permissions, streams }, ["--port", "0", "--log", "json"]).spawn();
  const listening = Promise.withResolvers<number>();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const ended = (async () => {
    let problem = "";
    for await (const line of process.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
      // An error that ends it is the only line that is not a record of the log.
      if (!line.startsWith("{")) problem = `: ${line}`;
      const address = /^\{.*"message":"Listening at [^"]*:(\d+)"/.exec(line)?.[1];
      if (address !== undefined) listening.resolve(Number(address));
    }
    const { code } = await process.status;
    const error = new CommandError(`The server of ${service} ended with exit code ${code}${problem}`);
    listening.reject(error);
    failed.reject(error);
  })();
  return {
    port: await within(listening.promise, `${service} to listen`),
    failed: failed.promise,
    async [Symbol.asyncDispose]() {
      await process.stdin.close().catch(() => {}); // It may have ended.
      await ended;
    },
  };
}
