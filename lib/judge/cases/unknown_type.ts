import { SPINS } from "../client_run.ts";
import type { Case } from "../case.ts";
import { play } from "./clients.ts";
import type { StreamClient } from "../stream_client.ts";

/** A type byte that no message has. */
export function unknownType(type: string): Case<StreamClient> {
  return {
    name: "unknown-type",
    level: "must",
    sends: `An answer of the type "${type}", which no message has, and the end.`,
    right: "Ends with an error.",
    mistake: "A client that does not look at the type takes any bytes for an answer",
    async run(stage) {
      const run = await play(stage, {
        async instead(peer, { bytes }) {
          await peer.send(type);
          await peer.send(bytes.subarray(1));
          peer.finish();
        },
      });
      run.failed({ hangs: SPINS });
    },
  };
}
