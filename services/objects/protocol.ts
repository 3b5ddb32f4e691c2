import { choice, type Option } from "../../lib/cli/mod.ts";
import {
  decimalHeader,
  type Framing,
  json,
  type JsonValue,
  pickle,
  type PickleValue,
  withCodec,
} from "../../lib/framing/mod.ts";
import { type Connection, framed } from "../../lib/net/mod.ts";
import { reprPieces, textPieces } from "./_repr.ts";

/** The tutorial's is 1234, which chat has. */
export const PORT = 1236;

/** How the object is serialised. */
export type Format = "pickle" | "json";

/** The option that both sides must agree on. */
export const formatOption: Option<Format> = choice("How the object is serialised", ["pickle", "json"], "pickle");

/** The tutorial's object in one serialisation, under the decimal header. */
export interface Serialisation {
  /** The object on the wire. */
  readonly message: Uint8Array;
  /** The object in words. */
  readonly words: string;
  /** Waits for an object; `undefined` if none comes. */
  receive(connection: Connection): Promise<ReceivedObject | undefined>;
}

/** An object that came. */
export interface ReceivedObject {
  /** The object in words, which are made as they are asked for. */
  readonly words: Iterable<string>;
  /** How many bytes came. */
  readonly length: number;
}

function serialisation<Value>(
  codec: (framing: Framing<Uint8Array>) => Framing<Value>,
  object: Value,
  show: (value: Value) => Iterable<string>,
): Serialisation {
  return {
    message: codec(decimalHeader()).encode(object),
    words: Array.from(show(object)).join(""),
    async receive(connection) {
      let length = 0;
      const counted = withCodec<Uint8Array>(decimalHeader(), {
        decode(bytes) {
          length += bytes.length;
          return bytes;
        },
        encode: (bytes) => bytes,
      });
      const value = await framed(connection, codec(counted)).receive();
      return value === undefined ? undefined : { words: show(value), length };
    },
  };
}

/** Python's own serialisation, and one for everybody, in which keys are text. */
export const FORMATS: Readonly<Record<Format, Serialisation>> = {
  pickle: serialisation(pickle, new Map<PickleValue, PickleValue>([[1, "Hey"], [2, "There"]]), reprPieces),
  json: serialisation<JsonValue>(json, { 1: "Hey", 2: "There" }, (value) => textPieces(JSON.stringify(value))),
};
