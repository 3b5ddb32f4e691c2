import { choice, type Option } from "../../lib/cli/mod.ts";
import { decimalHeader } from "../../lib/framing/decimal_header.ts";
import type { Framing } from "../../lib/framing/framing.ts";
import { decodeJson, encodeJson } from "../../lib/framing/json.ts";
import { decodePickle, encodePickle } from "../../lib/framing/pickle.ts";
import { reprChunks, textChunks } from "./_repr.ts";

/** The tutorial's 1234 belongs to chat here. */
export const PORT = 1236;

/** The object's serialisation. */
export type Format = "pickle" | "json";

/** `--format`, on which both sides must agree. */
export const formatOption: Option<Format> = choice("Serialisation of the object", ["pickle", "json"], "pickle");

/** A payload under the decimal header. */
export const framing: Framing<Uint8Array> = decimalHeader();

/** A serialisation, and the tutorial's object in it. */
export interface Serialisation {
  /** The tutorial's object. */
  readonly payload: Uint8Array;
  /** Decodes a payload and shows the object as text, in chunks made on demand. */
  show(payload: Uint8Array): Iterable<string>;
}

/** Python's own serialisation, and JSON, whose keys are text. */
export const FORMATS: Readonly<Record<Format, Serialisation>> = {
  pickle: {
    payload: encodePickle(new Map([[1, "Hey"], [2, "There"]])),
    show: (payload) => reprChunks(decodePickle(payload)),
  },
  json: {
    payload: encodeJson({ 1: "Hey", 2: "There" }),
    show: (payload) => textChunks(JSON.stringify(decodeJson(payload))),
  },
};
