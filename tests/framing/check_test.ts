import { assert, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import {
  checkCuts,
  checkFraming,
  decimalHeader,
  type Decoder,
  fixed,
  type Framing,
  MalformedMessageError,
  text,
  withCodec,
} from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

/** Length of the header of `decimalHeader`. */
const HEADER = 10;

/** A framing whose decoders are those of another, with some properties and methods replaced. */
function altered<Message>(
  framing: Framing<Message>,
  alter: (decoder: Decoder<Message>) => Partial<Decoder<Message>>,
): Framing<Message> {
  return {
    encode: framing.encode,
    decoder() {
      const inner = framing.decoder();
      const decoder: Decoder<Message> = {
        get pending() {
          return inner.pending;
        },
        get failure() {
          return inner.failure;
        },
        get taken() {
          return inner.taken!;
        },
        push: (chunk, most) => inner.push(chunk, most),
        end: () => inner.end(),
      };
      return Object.defineProperties(decoder, Object.getOwnPropertyDescriptors(alter(inner)));
    },
  };
}

/** Decoders made wrong on purpose: what is wrong, how, and the fault that is found. */
const WRONG: [name: string, alter: (decoder: Decoder<Uint8Array>) => Partial<Decoder<Uint8Array>>, fault: string][] = [
  ["pending is always true", () => ({ pending: true }), "pending is true after 23 bytes, but the end gives neither"],
  ["pending is always false", () => ({ pending: false }), "to be true inside message 0, at byte 1, got false"],
  ["pending is true between messages", (decoder) => {
    let taken = 0;
    return {
      get pending() {
        return decoder.pending || taken === HEADER + 3;
      },
      push(chunk, most) {
        const messages = decoder.push(chunk, most);
        taken += decoder.taken!;
        return messages;
      },
    };
  }, "to be false between messages, at byte 13, got true"],
  ["pending is false in the middle of a message", (decoder) => {
    let taken = 0;
    return {
      get pending() {
        return decoder.pending && taken !== HEADER + 2;
      },
      push(chunk, most) {
        const messages = decoder.push(chunk, most);
        taken += decoder.taken!;
        return messages;
      },
    };
  }, "to be true inside message 0, at byte 12, got false"],
  ["pending is false after a push that returns messages, although more bytes follow", (decoder) => {
    let returned = 0;
    return {
      get pending() {
        return returned === 0 && decoder.pending;
      },
      push(chunk, most) {
        const messages = decoder.push(chunk, most);
        if (chunk.length > 0) returned = messages.length;
        return messages;
      },
    };
  }, "1 message, pending false; byte by byte 1 message, pending true"],
  ["end returns nothing inside a message", (decoder) => ({
    end() {
      try {
        return decoder.end();
      } catch {
        return [];
      }
    },
    get failure() {
      return undefined;
    },
  }), "pending is true after 1 byte, but the end gives neither"],
  ["end sets failure inside a message and does not throw", (decoder) => {
    let ended = false;
    return {
      end() {
        if (ended) return decoder.end();
        ended = true;
        try {
          return decoder.end();
        } catch {
          return [];
        }
      },
    };
  }, "end returns nothing and sets failure"],
  ["failure stays unset", () => ({ failure: undefined }), "expected failure to be this error, got no error"],
  ["failure is another error", (decoder) => ({
    get failure() {
      return decoder.failure && new MalformedMessageError("something else", 0, bytes("a"));
    },
  }), "expected failure to be this error, got MalformedMessageError"],
  ["push accepts bytes after a failure", (decoder) => ({
    push: (chunk, most) => decoder.failure === undefined ? decoder.push(chunk, most) : [],
  }), "push after an error throws nothing"],
  ["push accepts bytes after the end", (decoder) => {
    let ended = false;
    return {
      push: (chunk, most) => ended && decoder.failure === undefined ? [] : decoder.push(chunk, most),
      end() {
        ended = true;
        return decoder.end();
      },
    };
  }, "push after the end throws nothing, expected a TypeError"],
  ["push returns one array again and again", (decoder) => {
    const list: Uint8Array[] = [];
    return {
      push(chunk, most) {
        const messages = decoder.push(chunk, most);
        list.length = 0;
        list.push(...messages);
        return list;
      },
    };
  }, "push returns an array that it has returned before"],
  ["push returns messages at the next push", (decoder) => {
    let late: Uint8Array[] = [];
    return {
      get pending() {
        return decoder.pending || late.length > 0;
      },
      push(chunk) {
        const messages = late;
        late = chunk.length > 0 ? decoder.push(chunk) : late;
        return chunk.length > 0 ? messages : [];
      },
      end: () => [...late, ...decoder.end()],
      get taken() {
        return undefined as unknown as number;
      },
    };
  }, "pending true; byte by byte"],
  ["taken is more than the chunk has", (decoder) => {
    let length = 0;
    return {
      get taken() {
        return decoder.taken === length ? length + 1 : decoder.taken!;
      },
      push(chunk, most) {
        length = chunk.length;
        return decoder.push(chunk, most);
      },
    };
  }, "push returns no message of 1 byte, and taken is 2"],
  ["taken counts bytes of earlier chunks", (decoder) => {
    let extra = 0;
    let buffered = 0;
    return {
      get taken() {
        return decoder.taken! + extra;
      },
      push(chunk, most) {
        const messages = decoder.push(chunk, most);
        extra = decoder.taken! < chunk.length ? buffered : 0;
        buffered = decoder.pending ? buffered + chunk.length : 0;
        return messages;
      },
    };
  }, "Split at ["],
  [
    "most is ignored",
    (decoder) => ({ push: (chunk) => decoder.push(chunk) }),
    "push returns 2 messages, expected at most 1",
  ],
  ["most is exceeded by the message that an earlier chunk began", (decoder) => ({
    push: (chunk, most) => decoder.push(chunk, decoder.pending && most !== undefined ? most + 1 : most),
  }), "push returns 2 messages, expected at most 1"],
  ["push stops before it has returned most messages", (decoder) => ({
    push: (chunk, most) => decoder.push(chunk, most && 1),
  }), "push returns 1 message of 2 bytes, and taken is 1"],
];

for (const [name, alter, fault] of WRONG) {
  Deno.test(`checkFraming() finds a decoder whose fault is: ${name}`, () => {
    const framing = altered(decimalHeader(), alter);
    assertThrows(() => checkFraming(framing, [bytes("abc"), bytes("")]), Error, fault);
  });
}

Deno.test("checkFraming() finds a decoder that treats each chunk as a message, or accepts an end inside a message", () => {
  const encode = (message: Uint8Array) => new Uint8Array(message);
  const decoders: (() => Decoder<Uint8Array>)[] = [
    () => ({ pending: false, failure: undefined, push: (chunk) => [new Uint8Array(chunk)], end: () => [] }),
    () => ({ pending: false, failure: undefined, push: (chunk) => chunk.length > 0 ? [chunk] : [], end: () => [] }),
  ];
  for (const decoder of decoders) {
    assertThrows(() => checkFraming({ encode, decoder }, [bytes("abc"), bytes("de")]), Error);
  }
  const endless = altered(decimalHeader(), () => ({ pending: false, failure: undefined, end: () => [] }));
  assertThrows(() => checkFraming(endless, [bytes("abc"), bytes("de")]), Error);
});

Deno.test("checkCuts() finds a wrong failure in a malformed stream", () => {
  const stream = bytes("1         a1         bnonsense.........");
  checkCuts(decimalHeader(), stream);
  const faults: [(decoder: Decoder<Uint8Array>) => Partial<Decoder<Uint8Array>>, string][] = [
    [() => ({ failure: undefined }), "expected failure to be this error"],
    [(decoder) => ({ push: (chunk, most) => decoder.failure ? [] : decoder.push(chunk, most) }), "push after an error"],
    [(decoder) => ({ end: () => decoder.failure ? [] : decoder.end() }), "end after an error throws nothing"],
    [(decoder) => ({
      push(chunk, most) {
        const failed = decoder.failure !== undefined;
        try {
          return decoder.push(chunk, most);
        } catch (error) {
          if (failed) throw error;
          return [];
        }
      },
    }), "push returns nothing and sets failure"],
  ];
  for (const [alter, fault] of faults) {
    assertThrows(() => checkCuts(altered(decimalHeader(), alter), stream), Error, fault);
  }
});

Deno.test("checkCuts() finds messages that share memory with their chunk or with each other", () => {
  const sharing = altered(fixed(1), (decoder) => ({
    push: (chunk, most) => decoder.push(chunk, most).map((_, at) => chunk.subarray(at, at + 1)),
  }));
  const reused = new Uint8Array(1);
  const reusing = altered(fixed(1), (decoder) => ({
    push: (chunk) =>
      decoder.push(chunk).map((message) => {
        reused.set(message);
        return reused;
      }),
    get taken() {
      return undefined as unknown as number;
    },
  }));
  const object = { text: "" };
  const texts = withCodec<{ text: string }>(fixed(1), {
    decode: (message) => Object.assign(object, { text: String(message) }),
    encode: ({ text }) => Uint8Array.of(Number(text)),
  });
  for (const framing of [sharing, reusing, texts] as Framing<unknown, never>[]) {
    for (const stream of ["abc", "\u00aa\u00aa", "a stream of more than twelve bytes"]) {
      const given = Uint8Array.from(stream, (character) => character.charCodeAt(0));
      if (framing !== sharing && stream.length === 2) continue;
      assertThrows(() => checkCuts(framing, given), Error, "a message changes after it is returned");
    }
  }
});

Deno.test("checkFraming() finds a wrong pending at any byte of a long stream", () => {
  for (const wrongAt of [1, 777, 2345, 3999]) {
    const framing = altered(decimalHeader(), (decoder) => {
      let taken = 0;
      return {
        get pending() {
          return decoder.pending !== (taken === wrongAt);
        },
        push(chunk, most) {
          const messages = decoder.push(chunk, most);
          taken += decoder.taken!;
          return messages;
        },
      };
    });
    assertThrows(() => checkFraming(framing, Array(40).fill(new Uint8Array(90))), Error, `at byte ${wrongAt}`);
  }
});

Deno.test("checkCuts() finds a fault that needs one split, near the end of a message of a long stream", () => {
  // Loses a message of which one chunk has the first 4 bytes and the next chunk has the rest.
  const framing = altered(decimalHeader(), (decoder) => {
    let began = 0;
    return {
      push(chunk, most) {
        const messages = decoder.push(chunk, most);
        const lost = began % 410 === 4 && chunk.length >= 406;
        began += decoder.taken!;
        return lost ? messages.slice(1) : messages;
      },
    };
  });
  const stream = concat(Array(10).fill(framing.encode(new Uint8Array(400))));
  assertThrows(() => checkCuts(framing, stream), Error, "Split at [");
});

Deno.test("the work of checkFraming() grows no faster than the stream", () => {
  let pushed = 0;
  const counting = altered(text(decimalHeader()), (decoder) => ({
    push(chunk, most) {
      pushed += chunk.length;
      return decoder.push(chunk, most);
    },
  }));
  const work = [1000, 4000].map((length) => {
    pushed = 0;
    checkFraming(counting, Array(20).fill("x".repeat(length / 20 - HEADER)));
    return pushed;
  });
  assert(work[1]! < 5 * work[0]!, `${work} bytes were pushed`);
});
