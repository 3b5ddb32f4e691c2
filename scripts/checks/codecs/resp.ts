import { customFraming, type DecodedFrame, encodeText, type Framing } from "@wirebench/wirebench/framing";

/** A reply of Redis. */
export type Reply = string | number | null | { error: string } | Reply[];

/** An array whose elements have not all arrived. */
interface OpenArray {
  items: Reply[];
  length: number;
}

/** Maximum depth of nested arrays. */
const DEEPEST = 32;
/** The bytes that a reply begins with, and the first of CR LF. */
const [STRING, ERROR, INTEGER, BULK, ARRAY, CR] = [0x2b, 0x2d, 0x3a, 0x24, 0x2a, 0x0d];

/** Replies of Redis (RESP 2), and values encoded as such. */
export const resp: Framing<Reply> = customFraming({
  state: (): OpenArray[] => [],
  encode: (reply: Reply) => encodeText(format(reply)),
  decode(bytes, start, end, { state: arrays, indexOf, integer, text, malformed }): DecodedFrame<Reply> | number {
    const line = indexOf(CR, start);
    if (line === -1 || line + 2 > end) return 1;
    let next = line + 2;
    let message: Reply = null;
    const type = bytes[start];
    if (type === STRING) message = text(start + 1, line);
    else if (type === ERROR) message = { error: text(start + 1, line) };
    else if (type === INTEGER) message = integer(start + 1, line);
    else if (type === BULK || type === ARRAY) {
      const length = integer(start + 1, line);
      if (type === ARRAY && length > 0) {
        if (arrays.push({ items: [], length }) > DEEPEST) throw malformed(`at most ${DEEPEST} levels of arrays`, start);
        return { end: next };
      } else if (type === ARRAY && length === 0) {
        message = [];
      } else if (length >= 0) {
        next += length + 2;
        if (next > end) return next - end;
        message = text(line + 2, next - 2);
      }
    } else throw malformed("a type of reply: one of + - : $ *", start);
    for (let array; (array = arrays.at(-1)) !== undefined; message = arrays.pop()!.items) {
      if (array.items.push(message) < array.length) return { end: next };
    }
    return { message, end: next };
  },
});

function format(reply: Reply): string {
  if (reply === null) return "$-1\r\n";
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (reply instanceof Array) return `*${reply.length}\r\n${reply.map(format).join("")}`;
  if (typeof reply === "object") return `-${reply.error}\r\n`;
  return reply === "OK" ? "+OK\r\n" : `$${encodeText(reply).length}\r\n${reply}\r\n`;
}
