import { createServer } from "node:net";
import { encodeText } from "../../framing/mod.ts";
import { SPINS } from "../client_run.ts";
import type { Case } from "../case.ts";
import type { StreamClient } from "../stream_client.ts";
import { play } from "./clients.ts";

/** A pickle that, when it is loaded, makes Python connect to the judge. */
export const codeInPickle: Case<StreamClient> = {
  name: "code",
  level: "must",
  sends: "A pickle that calls a function: socket.create_connection, to the judge.",
  right: "Refuses it, with an error.",
  mistake: "pickle.loads runs whatever code a stranger sends",
  async run(stage) {
    let called = false;
    const trap = createServer((socket) => {
      called = true;
      socket.on("error", () => {});
      socket.destroy();
    });
    await new Promise<void>((resolve) => trap.listen(0, stage.hostname, resolve));
    try {
      const { port } = trap.address() as { port: number };
      const pickle = encodeText(`csocket\ncreate_connection\n((V${stage.hostname}\nI${port}\nttR.`);
      const run = await play(stage, {
        async instead(peer) {
          await peer.send(String(pickle.length).padEnd(10));
          await peer.send(pickle);
          peer.finish();
        },
      });
      if (called) throw run.wrong("your program then connected to me, because those bytes told it to");
      run.ended(SPINS);
    } finally {
      trap.close();
    }
  },
};
