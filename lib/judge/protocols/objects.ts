import { equal } from "@std/assert/equal";
import { concat } from "@std/bytes/concat";
import { decimalHeader, decodeJson, decodePickle } from "../../framing/mod.ts";
import { encodeJson, encodePickle, encodeText } from "../../framing/mod.ts";
import { decodeBytes } from "../../log/mod.ts";
import { codeInPickle } from "../cases/code.ts";
import { ENDLESS_HEADED, MALFORMED_HEADER } from "../client_parts.ts";
import { quote } from "../peer.ts";
import type { StreamProtocol } from "../protocol.ts";
import type { Connector } from "../stage.ts";
import { stream } from "../stream.ts";

const HEADER = 10;
/** More than any serialisation of the object takes, in bytes. */
const LONGEST = 1000;

/** How an object is serialised. */
interface Format {
  payload: Uint8Array;
  decode(payload: Uint8Array): unknown;
  value: unknown;
  prints: string;
  /** An object whose text steers a terminal. */
  escape: Uint8Array;
}

const PICKLED = new Map([[1, "Hey"], [2, "There"]]);
const ESCAPE = "\x1b[2J\x1b[31mHello!";
const JSON_VALUE = { 1: "Hey", 2: "There" };

const FORMATS: Readonly<Record<string, Format>> = {
  pickle: {
    payload: encodePickle(PICKLED),
    decode: (payload) => decodePickle(payload),
    value: PICKLED,
    prints: "{1: 'Hey', 2: 'There'}\n",
    escape: encodePickle(new Map([[1, ESCAPE]])),
  },
  json: {
    payload: encodeJson(JSON_VALUE),
    decode: decodeJson,
    value: JSON_VALUE,
    prints: '{"1":"Hey","2":"There"}\n',
    escape: encodeJson({ 1: ESCAPE }),
  },
};

/** The names of the formats. */
export const OBJECT_FORMATS: readonly string[] = Object.keys(FORMATS);

/** The server sends one message and closes: the header, then a serialised `{1: 'Hey', 2: 'There'}`. */
export function objects({ format: name }: { format: string }): StreamProtocol<Uint8Array> {
  const format = FORMATS[name]!;
  return stream({
    name: "objects",
    shows: "a length-headed serialised object",
    port: 1236,
    framing: decimalHeader(),
    framed: "header",
    greeting: [format.payload],
    answers: "never",
    ends: true,
    converse: (stage) => object(stage, name, format),
    clients: [{ args: name === "pickle" ? [] : ["--format", name], prints: format.prints }],
    client: {
      input: [],
      ends: true,
      knowsEnd: true,
      unfinished: "The client of the objects only listens",
      prints: ["Hey", "There"],
      escape: decimalHeader().encode(format.escape),
      malformed: {
        what: `The header "${format.payload.length} bytes: " and the object`,
        bytes: concat([encodeText(`${format.payload.length} bytes: `), format.payload]),
        mistake: MALFORMED_HEADER.mistake,
      },
      endless: ENDLESS_HEADED,
      cases: name === "pickle" ? [codeInPickle] : [],
    },
  });
}

async function object(stage: Connector, name: string, { decode, value }: Format): Promise<void> {
  using peer = await stage.connect();
  const header = await peer.receive(HEADER);
  // Always in this form: spaces before the digits are accepted, but not sent.
  if (!/^\d+ *$/.test(decodeBytes(header))) {
    throw peer.wrong(`expected a header of digits and then spaces from you, got ${quote(header)}`);
  }
  const length = Number(decodeBytes(header));
  if (length > LONGEST) throw peer.wrong(`your header announces ${length} bytes`);
  const payload = await peer.receive(length);
  let got: unknown;
  try {
    got = decode(payload);
  } catch (error) {
    throw peer.wrong(`your object is no ${name}: ${error instanceof Error ? error.message : error}`);
  }
  if (!equal(got, value)) throw peer.wrong(`you sent another object: ${quote(payload)}`);
}
