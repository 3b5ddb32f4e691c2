// What the clients of several protocols have in common.

import { concat } from "@std/bytes/concat";
import { encodeText } from "../framing/mod.ts";
import type { ClientSide } from "./client_side.ts";

/** The mistake of a client whose line is not whole. */
export const UNFINISHED_LINE =
  "A line ends with a newline: without one the other side waits for the rest, and what is written to a file object " +
  "stays in its buffer until it is flushed";

/** A line without end. */
export const ENDLESS_LINE: NonNullable<ClientSide["endless"]> = {
  what: "The start of a line",
  start: "endless ",
  mistake: "readline() without a limit, or a buffer that grows until a newline comes, takes all memory",
};

/** A message whose header says more than any program takes. */
export const ENDLESS_HEADED: NonNullable<ClientSide["endless"]> = {
  what: "A header of 9999999999 bytes",
  start: "9999999999",
  mistake: "A client that believes any length reads until its memory is full",
};

/** A header that is none. */
export const MALFORMED_HEADER: NonNullable<ClientSide["malformed"]> = {
  what: 'The header "12 bytes: " and so many',
  bytes: "12 bytes: Hello, world",
  mistake: "A header that is no number must end the conversation: nothing after it can be understood",
};

/** A message under a decimal header that is not UTF-8. */
export const NOT_UTF8_HEADED: Uint8Array = concat([encodeText("3         "), Uint8Array.of(0xff, 0xfe, 0x41)]);
