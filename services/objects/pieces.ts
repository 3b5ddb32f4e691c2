/** How much of a text is written at once, in UTF-16 code units. */
export const PIECE = 4096;

/** A value inside another that is yet to be written, and the text before it. */
export class Inside<Value> {
  readonly before: string;
  readonly value: Value;

  constructor(before: string, value: Value) {
    this.before = before;
    this.value = value;
  }
}

/** One level of a value: text, and the values inside. */
export type Parts<Value> = Generator<string | Inside<Value>, void, void>;

/**
 * Writes a value a piece at a time, as the pieces are asked for: what is not asked for costs nothing, however deep the
 * value is, and however often the same thing is part of it.
 *
 * @param value What to write.
 * @param partsOf Writes one level of a value.
 * @returns The pieces, each of them short.
 */
export function* pieces<Value>(value: Value, partsOf: (value: Value) => Parts<Value>): Generator<string, void, void> {
  const open = [partsOf(value)];
  for (let innermost; (innermost = open.at(-1)) !== undefined;) {
    const { done, value: part } = innermost.next();
    if (done) {
      open.pop();
    } else if (part instanceof Inside) {
      yield part.before;
      open.push(partsOf(part.value));
    } else {
      yield part;
    }
  }
}

/** Gives a text in pieces, none of which ends inside a surrogate pair. */
export function* textPieces(text: string): Generator<string, void, void> {
  for (let start = 0; start < text.length;) {
    const last = text.codePointAt(start + PIECE - 1) ?? 0;
    const end = start + PIECE + (last > 0xffff ? 1 : 0);
    yield text.slice(start, end);
    start = end;
  }
}
