import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import {
  checkCuts,
  checkFraming,
  customByteFraming,
  customFraming,
  type DecodedFrame,
  encodeText,
  type Framing,
  json,
  MalformedMessageError,
  MessageTooLongError,
  pickle,
  text,
} from "@wirebench/wirebench/framing";
import { type Reply, resp } from "../../scripts/checks/codecs/resp.ts";
import { bytes, textOf } from "../harness.ts";

/** Messages of NATS: lines, and a payload behind a line that announces it. */
type NatsMessage = { subject: string; payload: Uint8Array } | string;

const nats: Framing<NatsMessage> = customFraming({
  maxLength: 4096,
  encode(message: NatsMessage) {
    if (typeof message === "string") return encodeText(message + "\r\n");
    const header = encodeText(`MSG ${message.subject} 1 ${message.payload.length}\r\n`);
    return concat([header, message.payload, encodeText("\r\n")]);
  },
  decode(_bytes, start, end, { indexOf, text, copy, malformed }): DecodedFrame<NatsMessage> | number {
    const line = indexOf(0x0d, start);
    if (line === -1 || line + 2 > end) return 1;
    const fields = text(start, line).split(" ");
    if (fields[0] !== "MSG") return { message: text(start, line), end: line + 2 };
    const length = Number(fields.at(-1));
    if (!(length >= 0)) throw malformed("MSG with a length", start, line);
    const next = line + 2 + length + 2;
    return next > end ? next - end : { message: { subject: fields[1]!, payload: copy(line + 2, next - 2) }, end: next };
  },
});

/** Syslog over TCP (RFC 6587): a length in digits, a space, the message. */
const syslog = customByteFraming({
  maxLength: 300,
  encode: (message) => concat([encodeText(`${message.length} `), message]),
  decode(_bytes, start, end, { indexOf, integer }) {
    const space = indexOf(0x20, start);
    if (space === -1) return 1;
    const to = space + 1 + integer(start, space);
    return to <= end ? { from: space + 1, to, end: to } : to - end;
  },
});

/** Frames with a length of 7, 16 or 64 bits, as WebSocket's. */
const websocket = customByteFraming({
  encode: (message) =>
    concat([
      message.length < 126 ? Uint8Array.of(message.length) : Uint8Array.of(126, message.length >> 8, message.length),
      message,
    ]),
  decode(bytes, start, end) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
    const short = view.getUint8(0);
    const from = start + (short < 126 ? 1 : short === 126 ? 3 : 9);
    if (from > end) return from - end;
    const to = from + (short < 126 ? short : short === 126 ? view.getUint16(1) : Number(view.getBigUint64(1)));
    return to <= end ? { from, to, end: to } : to - end;
  },
});

/** Lines that end in CR, LF or CR LF: whether LF follows CR is known only from the next byte. */
const anyLines = customByteFraming({
  encode: (message) => concat([message, bytes("\n")]),
  decode(input, start, end) {
    for (let at = start; at < end; at++) {
      if (input[at] === 0x0a) return { from: start, to: at, end: at + 1 };
      if (input[at] === 0x0d) {
        if (at + 1 === end) return 1;
        return { from: start, to: at, end: input[at + 1] === 0x0a ? at + 2 : at + 1 };
      }
    }
    return 1;
  },
});

Deno.test("a RESP decoder gives the same replies however the stream is split, and wherever it ends", () => {
  const replies: Reply[] = ["OK", null, 42, -1, [], ["a", ["b", null, []], 3], "Zoë\r\n", "x".repeat(100)];
  for (const reply of replies) checkFraming(resp, [reply]);
  checkFraming(resp, [1, ["a", []], { error: "ERR" }, "OK"]);
  const { messages, error } = checkCuts(resp, bytes("-ERR no\r\n*1\r\n:7\r\n*2\r\n:x1\r\n"));
  assertEquals(messages, [{ error: "ERR no" }, [7]]);
  assertEquals(error?.message, 'Malformed message at byte 22: expected an integer, got "x1"');
});

Deno.test("a decoder of lines and payloads, like that of NATS, gives the same messages however it is split", () => {
  const payload = bytes("two\r\nlines");
  checkFraming(nats, ["PING", "+OK", { subject: "a.b", payload }, { subject: "c", payload: bytes("") }, ""]);
  const { error } = checkCuts(nats, bytes("PING\r\nMSG a 1 x\r\n"));
  assertEquals(error?.message, 'Malformed message at byte 6: expected MSG with a length, got "MSG a 1 x"');
});

for (const [name, framing] of Object.entries({ syslog, websocket, anyLines })) {
  Deno.test(`custom framing of bytes, ${name}, decodes the same however it is split, also as text, JSON and pickles`, () => {
    checkFraming(framing, ["ab", "", "twelve bytes", "x".repeat(150)].map(bytes));
    checkFraming(text(framing), ["ab", "Zoë", "x".repeat(150)]);
    checkFraming(json(framing), [{ a: [1, "b"] }, 3]);
    if (name !== "anyLines") checkFraming(pickle(framing), [1, "b", null]);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (stream) => void checkCuts(framing, stream)), {
      numRuns: 100,
    });
  });
}

Deno.test("a decode function may look beyond the end of the frame", () => {
  const { messages } = checkCuts(anyLines, bytes("a\rb\r\nc\n\r\r\rd\n"));
  assertEquals(messages.map(textOf), ["a", "b", "c", "", "", "", "d"]);
});

Deno.test("bytes that a decode function looked at beyond the end of the frame belong to the next ones", () => {
  const framing = customByteFraming({
    encode: (message) => concat([message, bytes("...")]),
    decode: (_bytes, start, end) => end - start < 4 ? 4 - end + start : { from: start, to: start + 1, end: start + 1 },
  });
  const { messages, error } = checkCuts(framing, bytes("abcdefghij"));
  assertEquals(messages.map(textOf).join(""), "abcdefg");
  assertEquals(error?.message, "Stream ended inside a message: expected 4 bytes, got 3");
});

Deno.test("a custom framing of bytes returns as many messages as asked for, and says how much it took", () => {
  const framing = json(websocket);
  const stream = concat(Array.from({ length: 2000 }, (_, at) => framing.encode(at)));
  const decoder = framing.decoder();
  assertEquals(decoder.push(stream, 1500).at(-1), 1499);
  assertEquals(decoder.push(stream.subarray(decoder.taken)), Array.from({ length: 500 }, (_, at) => 1500 + at));
  assertEquals(decoder.pending, false);
});

Deno.test("a custom framing takes a message of the limit and refuses one byte more, however it is split", () => {
  const lines = (maxLength: number) =>
    customFraming({
      maxLength,
      encode: (line: string) => encodeText(line + "\n"),
      decode(_bytes, start, _end, { indexOf, text }) {
        const end = indexOf(0x0a, start);
        return end === -1 ? 1 : { message: text(start, end), end: end + 1 };
      },
    });
  for (const maxLength of [1, 2, 50]) {
    const line = "x".repeat(maxLength - 1);
    checkFraming(lines(maxLength), [line, line]);
    assertThrows(() => lines(maxLength).encode(line + "x"), MessageTooLongError);
    const { messages, error } = checkCuts(lines(maxLength), bytes(`${line}\nx${line}\n`));
    assertEquals(messages, [line]);
    assertEquals(error?.message, `Message too long: expected at most ${maxLength} bytes, got ${maxLength + 1} or more`);
  }
  assertThrows(() => lines(0), RangeError, "expected an integer of 1 or more");
  const announced = checkCuts(syslog, bytes("2 ab4000000000 a"));
  assertEquals(announced.messages.map(textOf), ["ab"]);
  assertEquals(announced.error?.message, "Message too long: expected at most 300 bytes, got 301 or more");
});

Deno.test("the bytes of a message that decode keeps in its state count against the limit", () => {
  for (const step of [1, 3, 4]) {
    const framing = customFraming({
      maxLength: 20,
      encode: (_: never) => bytes(""),
      decode(_bytes, start, end): DecodedFrame<never> | number {
        assert(start < end);
        return end - start < step ? step - end + start : { end: start + step };
      },
    });
    const { error } = checkCuts(framing, new Uint8Array(40));
    assert(error instanceof MessageTooLongError);
    assertEquals(error.limit, 20);
  }
});

Deno.test("a decode function that asks for more forever buffers no more than the limit", () => {
  for (const missing of [1, 100, 2.5]) {
    const maxLength = 10_000;
    let longest = 0;
    const decoder = customFraming({
      maxLength,
      encode: (_: never) => bytes(""),
      decode(_bytes, start, end): DecodedFrame<never> | number {
        longest = Math.max(longest, end - start);
        return missing;
      },
    }).decoder();
    const chunk = new Uint8Array(1000);
    assertThrows(() => {
      for (let count = 0; count < 100; count++) decoder.push(chunk);
    }, MessageTooLongError);
    assert(longest <= maxLength, `${longest} bytes`);
  }
  const huge = syslog.decoder();
  assertThrows(() => huge.push(bytes("9007199254740991 ")), MessageTooLongError);
});

Deno.test("an array of 100,000 elements in small chunks is decoded without reading its beginning again", () => {
  const words = new Array<Reply>(100_000).fill("abc");
  const stream = resp.encode(words);
  const decoder = resp.decoder();
  const replies: Reply[] = [];
  for (let at = 0; at < stream.length; at += 100) {
    replies.push(...decoder.push(stream.subarray(at, at + 100)));
    assertEquals(decoder.pending, at + 100 < stream.length);
  }
  assertEquals(replies, [words]);
});

Deno.test("a line that arrives a byte at a time is searched once", () => {
  let read = 0;
  const decoder = customFraming({
    encode: (_: never) => bytes(""),
    decode(input, start, end, { indexOf }): DecodedFrame<number> | number {
      // A view that counts the bytes searched with the function of the runtime.
      Object.defineProperty(input, "indexOf", {
        value(byte: number, from: number) {
          read += end - from;
          return Uint8Array.prototype.indexOf.call(this, byte, from);
        },
      });
      const line = indexOf(0x0a, start);
      return line === -1 ? 1 : { message: line - start, end: line + 1 };
    },
  }).decoder();
  const messages: number[] = [];
  for (let count = 0; count < 1000; count++) messages.push(...decoder.push(new Uint8Array(64)));
  messages.push(...decoder.push(bytes("\n")));
  assertEquals(messages, [64_000]);
  assert(read < 2 * 64_000, `${read} bytes`);
});

Deno.test("an error of a custom framing gives its offset in the stream and what the stream looks like", () => {
  const hinted = checkCuts(resp, bytes("GET / HTTP/1.1\r\n\r\n")).error;
  assert(hinted instanceof MalformedMessageError);
  hinted.addHint(bytes("GET / HTTP/1.1\r\n"));
  assertEquals(
    hinted.message,
    'Malformed message at byte 0: expected a type of reply: one of + - : $ *, got "G"; it looks like an HTTP request',
  );
  const later = checkCuts(resp, bytes("+OK\r\nGET / HTTP/1.1\r\n\r\n")).error;
  assertEquals(
    later?.message,
    'Malformed message at byte 5: expected a type of reply: one of + - : $ *, got "G"',
  );
  later?.addHint(bytes("+OK\r\nGET / HTTP/1.1\r\n"));
  assertEquals(later?.message.endsWith('got "G"'), true);
  const inText = checkCuts(resp, Uint8Array.of(...bytes("+OK\r\n+Zo"), 0xeb, 13, 10)).error;
  assertEquals(inText?.message, 'Malformed message at byte 6: expected UTF-8 text, got "Zo\\xeb"');
  for (
    const [stream, message] of [
      ["+OK\r\n$5\r\nHel", "Stream ended inside a message: expected 11 bytes, got 7"],
      ["*2\r\n:1\r\n", "Stream ended inside a message: expected 9 bytes, got 8"],
      ["*2\r\n:1\r\n:", "Stream ended inside a message: expected 10 bytes, got 9"],
    ]
  ) {
    assertEquals(checkCuts(resp, bytes(stream!)).error?.message, message);
  }
});

Deno.test("each stream of a custom framing has its own state", () => {
  const [one, other] = [resp.decoder(), resp.decoder()];
  assertEquals([one.push(bytes("*1\r\n")), one.pending, other.pending], [[], true, false]);
  assertEquals(other.push(bytes(":1\r\n")), [1]);
  assertEquals(one.push(bytes(":2\r\n")), [[2]]);
  assertEquals(one.pending, false);
});

Deno.test("a decode function that returns an offset or a number out of range is named as the cause", () => {
  const returning = (frame: DecodedFrame<string> | number) =>
    customFraming({ encode: (_: string) => bytes(""), decode: () => frame }).decoder();
  for (const missing of [0, -1, NaN]) {
    assertThrows(() => returning(missing).push(bytes("ab")), RangeError, `decode returned ${missing} missing bytes`);
  }
  for (const end of [0, -1, 3, NaN]) {
    assertThrows(() => returning({ message: "", end }).push(bytes("ab")), RangeError, `decode returned end ${end}`);
  }
  const payload = (from: number, to: number) =>
    customByteFraming({ encode: (message) => bytes(textOf(message)), decode: () => ({ from, to, end: 2 }) }).decoder();
  assertThrows(() => payload(1, 3).push(bytes("ab")), RangeError, "decode returned a payload from 1 to 3");
  assertThrows(() => payload(2, 1).push(bytes("ab")), RangeError);
});
