import { type Case, Unjudged, Wrong } from "../case.ts";
import { Patience } from "../patience.ts";
import type { ServerStage } from "../stage.ts";

/** The length of a line without an end, in bytes: more than any program needs. */
const ENDLESS = 16 * 1024 * 1024;
/** A program that is slow gets less of it, in milliseconds. */
const SENDING = 2000;
const CHUNK = new Uint8Array(64 * 1024).fill(120);

/** A line without an end, which a program refuses if its memory has a limit. */
export const endlessLine: Case<ServerStage> = endless("A line without an end, of up to 16 MiB.", "");

/** A message that grows beyond any limit. */
export function endless(sends: string, opening: Uint8Array | string): Case<ServerStage> {
  return {
    name: "endless",
    level: "should",
    sends,
    right: "Refuses it: the memory for one message has a limit.",
    mistake: "Any stranger can fill the memory of a program that collects a message without a limit",
    alone: true,
    async run(stage) {
      using peer = await stage.connect();
      await peer.send(opening);
      const until = performance.now() + SENDING;
      // An echo would fill the buffers, and look like a refusal.
      const draining = peer.endsWithin(new Patience(Infinity));
      while (peer.sent < ENDLESS && !peer.isGone && performance.now() < until) {
        await peer.send(CHUNK).catch(({ message }) => {
          throw new Unjudged(message);
        });
      }
      if (peer.sent < ENDLESS && !peer.isGone) {
        throw new Unjudged(`You read only ${peer.sent} bytes of one message within ${SENDING / 1000} s`);
      }
      if (await stage.patience.share(0.2).allows(draining)) return;
      throw new Wrong(`I sent ${peer.sent} bytes of one message, and you still read on`);
    },
  };
}
