import type { JsonValue } from "../../lib/framing/mod.ts";
import { Inside, type Parts, PIECE, pieces, textPieces } from "./pieces.ts";

/** Writes a value as `JSON.stringify()` does, a piece at a time and however deep it is; see {@linkcode pieces}. */
export function jsonPieces(value: JsonValue): Iterable<string> {
  return pieces(value, partsOf);
}

function partsOf(value: JsonValue): Parts<JsonValue> {
  if (value instanceof Array) return array(value);
  if (typeof value === "object" && value !== null) return object(value);
  return textPieces(JSON.stringify(value));
}

function* array(items: readonly JsonValue[]): Parts<JsonValue> {
  let before = "[";
  for (const item of items) {
    yield part(before, item);
    before = ",";
  }
  yield items.length === 0 ? "[]" : "]";
}

function* object(members: { [name: string]: JsonValue }): Parts<JsonValue> {
  let before = "{";
  for (const [name, value] of Object.entries(members)) {
    yield part(before, name);
    yield part(":", value);
    before = ",";
  }
  yield before === "{" ? "{}" : "}";
}

function part(before: string, value: JsonValue): string | Inside<JsonValue> {
  const isLong = typeof value === "string" ? value.length > PIECE : typeof value === "object" && value !== null;
  return isLong ? new Inside(before, value) : before + JSON.stringify(value);
}
