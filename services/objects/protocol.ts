import { choice, type Option } from "../../lib/cli/mod.ts";
import { decimalHeader, type Framing, json, type JsonValue, pickle, type PickleValue } from "../../lib/framing/mod.ts";
import { type Connection, framed } from "../../lib/net/mod.ts";
import { repr } from "./repr.ts";

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
  /** Waits for an object, and puts it in words; `undefined` if none comes. */
  receive(connection: Connection): Promise<string | undefined>;
}

function serialisation<Value>(framing: Framing<Value>, object: Value, show: (value: Value) => string): Serialisation {
  return {
    message: framing.encode(object),
    words: show(object),
    async receive(connection) {
      const value = await framed(connection, framing).receive();
      return value === undefined ? undefined : show(value);
    },
  };
}

/** Python's own serialisation, and one for everybody, in which keys are text. */
export const FORMATS: Readonly<Record<Format, Serialisation>> = {
  pickle: serialisation(pickle(decimalHeader()), new Map<PickleValue, PickleValue>([[1, "Hey"], [2, "There"]]), repr),
  json: serialisation<JsonValue>(json(decimalHeader()), { 1: "Hey", 2: "There" }, (value) => JSON.stringify(value)),
};
