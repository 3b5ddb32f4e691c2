// What the clients of several protocols have in common.

import { concat } from "@std/bytes/concat";
import { encodeText } from "../framing/mod.ts";
import type { ClientSide } from "./client_side.ts";

/** The mistake of a client whose line is not whole. */
export const UNFINISHED_LINE =
  "A line ends with a newline: without one the other side waits for the rest, and what is written to a file object " +
  "stays in its buffer until it is flushed";

/** A line that never ends. */
export const ENDLESS_LINE: NonNullable<ClientSide["endless"]> = {
  what: "The start of a line",
  start: "endless ",
  mistake: "readline() without a limit, or a buffer that grows until a newline comes, takes all memory",
};

/** A message whose header announces more bytes than any program accepts. */
export const ENDLESS_HEADED: NonNullable<ClientSide["endless"]> = {
  what: "A header of 9999999999 bytes",
  start: "9999999999",
  mistake: "A client that believes any length reads until its memory is full",
};

/** A header that is not a number. */
export const MALFORMED_HEADER: NonNullable<ClientSide["malformed"]> = {
  what: 'The header "12 bytes: " and 12 bytes',
  bytes: "12 bytes: Hello, world",
  mistake: "A header that is not a number must end the connection: nothing after it can be decoded",
};

/** A message under a decimal header that is not UTF-8. */
export const NOT_UTF8_HEADED: Uint8Array = concat([encodeText("3         "), Uint8Array.of(0xff, 0xfe, 0x41)]);
