import { assertEquals } from "@std/assert";
import { parseRecording, readRecording } from "@wirebench/wirebench/record";
import { bytes } from "../harness.ts";

const header = '{"wirebench":1,"began":"2026-11-21T20:00:00.000Z","listen":"tcp://127.0.0.1:1","to":"unix:/s",' +
  '"seed":7,"faults":{}}\n';
const lines = header + '{"t":1,"k":"open","c":1,"peer":"ann"}\n{"t":2,"k":"in","c":1,"w":"up","at":0,"d":"SGV5"}\n' +
  '{"k":"skip","n":3}\n';

/** The number of events, and the problem. */
function resultOf(text: string): [events: number, problem: string | undefined] {
  const { events, problem } = parseRecording(text);
  return [events.length, problem];
}

Deno.test("a recording that is not whole, of another version, or not one at all is explained in one line", () => {
  const event = (text: string) => lines + text + "\n";
  const cases: [text: string, events: number, problem: string | undefined][] = [
    [lines, 3, undefined],
    [lines.trimEnd(), 3, undefined],
    [header, 0, undefined],
    ["", 0, 'line 1: expected {"wirebench":1,...}, got nothing'],
    ["GET / HTTP/1.1\r\n\r\n", 0, 'line 1: expected {"wirebench":1,...}, got "GET / HTTP/1.1\\r"'],
    ["{}\n", 0, 'line 1: expected {"wirebench":1,...}, got "{}"'],
    ["[1]\n", 0, 'line 1: expected {"wirebench":1,...}, got "[1]"'],
    ['{"wirebench":2}\n', 0, "line 1: expected a recording of version 1, got version 2"],
    [header.replace('"seed":7', '"seed":"7"'), 0, 'line 1: expected "seed" to be an integer from 0, got "7"'],
    [lines.slice(0, -4), 2, "line 4 is cut off; whole events before it: 2"],
    [header.slice(0, 40), 0, `line 1: expected {"wirebench":1,...}, got ${JSON.stringify(header.slice(0, 40))}`],
    [event("nonsense"), 3, 'line 5: expected an event as JSON, got "nonsense"'],
    [event("") + header, 3, 'line 5: expected an event as JSON, got ""'],
    [
      event('{"t":1,"k":"toString"}'),
      3,
      'line 5: expected "k" to be one of open, close, in, out, end, fault, set, ' +
      'from, pause, resume, step, skip, got "toString"',
    ],
    [
      event('{"t":1}'),
      3,
      'line 5: expected "k" to be one of open, close, in, out, end, fault, set, ' +
      "from, pause, resume, step, skip, got nothing",
    ],
    [event('{"t":-1,"k":"pause"}'), 3, 'line 5: expected "t" to be an integer from 0, got -1'],
    [event('{"t":1,"k":"in","c":1,"w":"up","at":0,"d":"?"}'), 3, 'line 5: expected "d" to be Base64, got "?"'],
    [
      event('{"t":1,"k":"out","c":1,"w":"left","at":0,"n":1}'),
      3,
      'line 5: expected "w" to be one of up, down, got "left"',
    ],
    [event('{"t":1,"k":"close","c":1}'), 3, 'line 5: expected "reason" to be a text, got nothing'],
    [event('{"t":1,"k":"set","faults":[]}'), 3, 'line 5: expected "faults" to be an object, got []'],
    [event("x".repeat(300_000)), 3, `line 5: expected an event as JSON, got "${"x".repeat(40)}..."`],
  ];
  for (const [text, events, problem] of cases) assertEquals(resultOf(text), [events, problem], text.slice(-60));
});

Deno.test("what a peer can write into a recording does not steer the terminal of a reader", () => {
  const { problem } = parseRecording("\x1b[2J\u202e\n");
  assertEquals(problem, 'line 1: expected {"wirebench":1,...}, got "\\u001b[2J\u202e"');
});

Deno.test("a recording is read from chunks of any size, up to its first problem", async () => {
  let pulled = 0;
  async function* chunks(data: Uint8Array, size: number) {
    for (let at = 0; at < data.length; at += size) {
      pulled++;
      yield data.subarray(at, at + size);
    }
  }
  const whole = lines + '{"t":3,"k":"close","c":1,"reason":"zoë"}\n';
  for (const size of [1, 7, 1000]) {
    assertEquals(await readRecording(chunks(bytes(whole), size)), parseRecording(whole));
    pulled = 0;
    const { problem } = await readRecording(chunks(new Uint8Array(10_000_000), size));
    assertEquals(problem?.replace(/got .*/, "got"), "line 1: expected a line of at most 262144 characters, got");
    assertEquals(pulled, Math.ceil(262_145 / size));
  }
});
