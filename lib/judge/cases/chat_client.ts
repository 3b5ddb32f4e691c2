// The client of the chat, which is the only one whose user and server speak at the same time.

import { concat } from "@std/bytes/concat";
import { decimalHeader, text } from "../../framing/mod.ts";
import { type Case, Wrong } from "../case.ts";
import { NOT_UTF8_HEADED } from "../client_parts.ts";
import { NAME } from "../client_stage.ts";
import { type Conversation, excerpt } from "../conversation.ts";
import { pause } from "../patience.ts";
import type { StreamClient } from "../stream_client.ts";
import { LATE, play } from "./clients.ts";

const framing = text(decimalHeader());
/** Who speaks to a client that is judged. */
const BOB = "bob";
/** What such a client hears. */
const HEARD = ["I was here first", "Can you hear me?"];
/** What its user types. */
export const TYPED: readonly string[] = ["hello", "grüße an alle", "and once more"];
/** How long a client may take to show a message until its user types something, as a share of the patience. */
const NUDGE_AFTER = 0.15;
/** How long the text of a message comes after its name, in milliseconds. */
const BETWEEN = 300;

/** Plays the server of a member: its user and another member say something. */
export async function pushToMember(conversation: Conversation): Promise<void> {
  const { program, patience, peer } = conversation;
  const lines = TYPED.values();
  const said: string[] = [];
  const messages = conversation.messages();
  const next = async () => {
    while (said.length === 0) {
      const { value, done } = await messages.next();
      if (done) throw new Wrong(`You sent ${peer.heard}, and left the chat`);
      said.push(...value as string[]);
    }
    return said.shift()!;
  };
  const type = async () => {
    const { value: line } = lines.next();
    if (line === undefined) return;
    await program.type(line);
    let got = await next();
    // A client whose name is on its command line says the name that was typed.
    if (got === NAME) got = await next();
    if (got.trim() !== line) throw new Wrong(`I typed ${excerpt(line)}; you sent ${excerpt(got)} (${peer.heard})`);
  };
  const name = await next();
  if (name.trim() === "") throw new Wrong("Your name is empty", { mistake: "A client joins with its name" });
  await type();
  const rounds = conversation.together ? [HEARD] : HEARD.map((text) => [text]);
  for (const texts of rounds) {
    await conversation.send(texts.flatMap((text) => [BOB, text]));
    if (await program.shows(texts.at(-1)!, patience.share(NUDGE_AFTER)) || program.ended) continue;
    await type();
    conversation.nudged ||= await program.shows(texts.at(-1)!, patience.share(NUDGE_AFTER));
  }
}

/** Checks that a member receives messages while its user types nothing. */
export const asItArrives: Case<StreamClient> = {
  name: "as-it-arrives",
  level: "must",
  sends: "What others say, while the user types nothing.",
  right: "Prints it as soon as it arrives.",
  mistake: "A client that waits in input() looks at its socket only after Enter",
  async run(stage) {
    const run = await play(stage, { delay: LATE });
    if (run.nudged) throw new Wrong("I sent you what others said; you printed it only after a line had been typed");
  },
};

/** What bob says to steer a terminal. */
export const chatEscape: Uint8Array = concat([BOB, "\x1b[2J\x1b[31mHello!"].map((text) => framing.encode(text)));

/** What bob says that is not UTF-8. */
export const chatNotUtf8: Uint8Array = concat([framing.encode(BOB), NOT_UTF8_HEADED]);

/** Sends a name apart from its text, with a line of the user in between. */
export const nameApart: Case<StreamClient> = {
  name: "name-apart",
  level: "must",
  sends: "The name of a sender; its text comes only after the user has typed something.",
  right: "Prints both when the text has arrived.",
  mistake:
    "A client that stops in the middle of a message when no more has come, and begins anew later, loses its place",
  async run(stage) {
    let heard = false;
    const run = await play(stage, {
      async instead(peer, { bytes, texts: [sender, text] }, { program, patience }) {
        const end = framing.encode(sender!).length;
        const hears = async () => await program.shows(text!, patience.share(NUDGE_AFTER)) || program.ended;
        await peer.sendApart([bytes.subarray(0, end)]);
        await program.type("and then?");
        await pause(BETWEEN);
        await peer.send(bytes.subarray(end));
        // A client that looks at its socket only after Enter is judged for that in another case.
        heard = await hears() || (await program.type("go on"), await hears());
        peer.finish();
      },
    });
    if (!heard) throw run.wrong("you did not print the text");
  },
};
