import {
  decimalHeader,
  decodePickle,
  encodePickle,
  lengthPrefix,
  lines,
  netstring,
  text,
} from "@wirebench/wirebench/framing";
import { type Contestant, own } from "./contestant.ts";
import type * as Peers from "./peers.ts";

/** A format, as the probes need it. */
export interface Format {
  title: string;
  /** Whether messages are strings. */
  text: boolean;
  /** Whether messages end in a newline. */
  lines: boolean;
  /** Whether each chunk is a whole message. */
  whole: boolean;
  encode(payload: Uint8Array): Uint8Array;
  /** The beginning of a message that does not end for a long time. */
  endless: Uint8Array;
  /** Streams, or their beginnings, that a decoder should refuse. */
  hostile: [name: string, bytes: Uint8Array][];
  contestants: Contestant[];
}

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** All formats with their decoders. */
export function formatsOf(peers: typeof Peers): Format[] {
  const four = lengthPrefix({ bytes: 4 });
  const whole = (name: string, side: Contestant["side"], parse: (bytes: Uint8Array) => unknown): Contestant => ({
    name,
    side,
    fed: "calls",
    decode(chunks, sink) {
      for (const chunk of chunks) sink(parse(chunk));
    },
  });
  const none = { text: false, lines: false, whole: false, endless: new Uint8Array(), hostile: [] };
  const named = (inputs: Record<string, string>): Format["hostile"] =>
    Object.entries(inputs).map(([name, text]) => [name, latin1(text)]);
  return [
    {
      ...none,
      title: "lines of text",
      text: true,
      lines: true,
      encode: lines().encode,
      contestants: [own(text(lines())), ...peers.TEXT_LINES] as Contestant[],
    },
    {
      ...none,
      title: "lines of bytes",
      lines: true,
      encode: lines().encode,
      contestants: [own(lines()), ...peers.LINES] as Contestant[],
    },
    {
      ...none,
      title: "length of four bytes",
      encode: four.encode,
      endless: Uint8Array.of(0x40, 0, 0, 0),
      hostile: named({ "2^32-1": "\xff\xff\xff\xff", "2^31": "\x80\0\0\0" }),
      contestants: [own(four), ...peers.LENGTH_PREFIX] as Contestant[],
    },
    {
      ...none,
      title: "decimal header",
      encode: decimalHeader().encode,
      endless: latin1("999999999 "),
      hostile: named({
        "-1": "-1        a",
        "2^32-1": "4294967295",
        "1e1": "1e1       a",
        "0x1": "0x1       a",
        "1.0": "1.0       a",
        "abc": "abc       a",
        "no digits": "          a",
      }),
      contestants: [own(decimalHeader())] as Contestant[],
    },
    {
      ...none,
      title: "netstring",
      encode: netstring().encode,
      endless: latin1("999999999:"),
      hostile: named({
        "-1": "-1:a,",
        "01": "01:a,",
        "2^32-1": "4294967295:a,",
        "20 digits": "99999999999999999999:a,",
        "1e1": "1e1:a,",
        "no digits": ":a,",
        "no comma": "1:ab",
      }),
      contestants: [own(netstring()), ...peers.NETSTRING] as Contestant[],
    },
    {
      ...none,
      title: "pickle",
      whole: true,
      encode: (payload) => encodePickle(payload),
      hostile: named({
        "2^32-1 bytes": "\x80\x04B\xff\xff\xff\xff.",
        "2^52 bytes": "\x80\x04\x8e\0\0\0\0\0\0\x10\0.",
        "an int of -1 bytes": "\x80\x04\x8b\xff\xff\xff\xff.",
        "os.system": "\x80\x04cos\nsystem\n\x8c\x04true\x85R.",
        "text that is not UTF-8": "\x80\x04\x8c\x01\xff.",
      }),
      contestants: [whole("Wirebench", "own", decodePickle), whole("pickleparser", "peer", peers.parsePickle)],
    },
  ];
}
