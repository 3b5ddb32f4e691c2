import { assertEquals, assertRejects } from "@std/assert";
import {
  decimalHeader,
  FrameDecoderStream,
  FrameEncoderStream,
  type FramingError,
  lines,
  MalformedMessageError,
  text,
  TruncatedMessageError,
} from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

Deno.test("FrameEncoderStream and FrameDecoderStream carry messages through byte streams", async () => {
  const messages = ["Hey", "", "Zoë"];
  const framing = text(decimalHeader());
  const received = ReadableStream.from(messages)
    .pipeThrough(new FrameEncoderStream(framing))
    .pipeThrough(new FrameDecoderStream(framing));
  assertEquals(await Array.fromAsync(received), messages);
});

Deno.test("FrameDecoderStream gives all messages before an error, and then the error", async () => {
  const cases: [string, abstract new (...args: never[]) => FramingError][] = [
    ["1         a1         b1         cnonsense!!", MalformedMessageError],
    ["1         a1         b1         c12", TruncatedMessageError],
  ];
  for (const [stream, kind] of cases) {
    const readable = new Blob([stream]).stream().pipeThrough(new FrameDecoderStream(text(decimalHeader())));
    const received: string[] = [];
    await assertRejects(async () => {
      for await (const message of readable) received.push(message);
    }, kind);
    assertEquals(received, ["a", "b", "c"]);
  }
});

Deno.test("FrameDecoderStream pulls no more than is read, and cancels its source", async () => {
  let pulled = 0;
  let cancelled = false;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      pulled++;
      controller.enqueue(bytes("line\n"));
    },
    cancel() {
      cancelled = true;
    },
  });
  const reader = source.pipeThrough(new FrameDecoderStream(text(lines()))).getReader();
  assertEquals(await reader.read(), { done: false, value: "line" });
  await reader.cancel();
  assertEquals(cancelled, true);
  assertEquals(pulled < 10, true, `${pulled} chunks were pulled`);
});

Deno.test("FrameEncoderStream errors if the framing refuses a message", async () => {
  const encoded = ReadableStream.from(["fine", "not\nfine"]).pipeThrough(new FrameEncoderStream(text(lines())));
  await assertRejects(() => Array.fromAsync(encoded), MalformedMessageError);
});

Deno.test("FrameDecoderStream cancels its source even if it was never read from", async () => {
  const stream = new FrameDecoderStream(lines());
  const piping = new Blob(["line\n".repeat(1000)]).stream().pipeTo(stream.writable);
  await Promise.all([stream.readable.cancel("enough"), assertRejects(() => piping)]);
});

Deno.test("FrameDecoderStream cancels its source with its error", async () => {
  const stream = new FrameDecoderStream(decimalHeader());
  const piping = assertRejects(
    () => new Blob(["nonsense. ".repeat(1000)]).stream().pipeTo(stream.writable),
    MalformedMessageError,
  );
  await assertRejects(() => Array.fromAsync(stream.readable), MalformedMessageError);
  await piping;
});
