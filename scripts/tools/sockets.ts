/**
 * Two tools that the tutorials mention and never finish: `sockets kinds` makes a socket of each kind, `sockets state`
 * lists listening and connected sockets.
 *
 * @module
 */

import { flag, seconds, UsageError, writeStdout } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { sleep } from "../../lib/net/timer.ts";
import { kinds } from "./sockets/kinds.ts";
import { state } from "./sockets/state.ts";

/** Moves the cursor to the top left, and clears the screen below it. */
const REDRAW = "\x1b[H\x1b[J";

const options = {
  all: flag("state: list every socket of this machine, not only those at the services' ports"),
  watch: flag("state: list them repeatedly until Ctrl-C"),
  interval: seconds("state: interval with --watch", 1000),
};

if (import.meta.main) {
  await runTask(
    {
      ...task("sockets"),
      summary: "Makes a socket of each kind, or lists listening and connected sockets.",
      operands: { usage: "kinds|state", help: "The tool", most: 1 },
      options,
    },
    "warning",
    async ({ values: { all, watch, interval }, operands: [which], requests: { stop } }) => {
      const print = (text: string) => writeStdout(encodeText(`${text}\n`));
      if (which === "kinds") return print(kinds());
      if (which !== "state") throw new UsageError(`Expected kinds or state, got "${which ?? ""}"`);

      const terminal = Deno.stdout.isTerminal();
      const colors = terminal && !Deno.noColor;
      if (!watch) return print(await state(all, colors));
      if (terminal) await writeStdout(encodeText("\x1b[2J"));
      while (!stop.aborted) {
        const now = await state(all, colors);
        await print(terminal ? `${REDRAW}${now}` : `${now}\n`);
        await sleep(interval, stop);
      }
    },
  );
}
