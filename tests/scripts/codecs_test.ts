import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { lengthPrefix, lines } from "@wirebench/wirebench/framing";
import * as byHand from "../../scripts/checks/codecs/by_hand.ts";
import type { Conduct } from "../../scripts/checks/codecs/conformance.ts";
import { type Contestant, own } from "../../scripts/checks/codecs/contestant.ts";
import type { Format } from "../../scripts/checks/codecs/formats.ts";
import type { MeasuredGroup } from "../../scripts/checks/codecs/measure.ts";
import { judge, PROBES } from "../../scripts/checks/codecs/probes.ts";
import { textOf } from "../harness.ts";

/** Runs the bench, as its task does. */
async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const config = ["--config", "scripts/checks/codecs/deno.json", "-P=codecs", "--v8-flags=--expose-gc"];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...config, "scripts/checks/codecs.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

// The bench has packages of its own, which `deno install` of the project does not load.
const offline = /^error: Failed caching npm package.*/.exec((await bench("--help")).stderr)?.[0];
const ignored = { ignore: offline !== undefined };
const reason = offline === undefined ? "" : ` (ignored: ${offline})`;

Deno.test({
  name: "bench:codecs measures every row, and finds this library and the loops by hand correct" + reason,
  ...ignored,
  async fn() {
    const { code, stdout, stderr } = await bench("--quick", "--json");
    assertEquals([code, stderr], [0, ""]);
    const { groups, conformance }: { groups: MeasuredGroup[]; conformance: Conduct[] } = JSON.parse(stdout);
    const rows = Object.fromEntries(groups.map(({ name, rows }) => [name, rows]));
    const sizes = ["16 B", "64 B", "1 KiB"];
    const decoding = sizes.flatMap((size) => ["64 KiB", "1460 B", "7 B"].map((chunk) => `${size} in ${chunk}`));
    for (const name of ["text-lines", "lines", "length-prefix", "decimal-header", "text-decimal-header", "netstring"]) {
      assertEquals(rows[name]!.map(({ title }) => title), [...decoding, "256 KiB in 64 KiB"], name);
    }
    assertEquals(rows["pickle-decode"]!.length, rows["pickle-encode"]!.length);
    assertEquals(rows["encode"]!.length, 7 * (sizes.length + 1));
    for (const { figures } of groups.flatMap(({ rows }) => rows)) {
      assertEquals(figures[0]!.name, "Wirebench");
      for (const { name, nanoseconds, fault } of figures) {
        // It decodes each chunk by itself.
        if (name === "netstring-stream") assertEquals([nanoseconds, typeof fault], [undefined, "string"]);
        else assert(nanoseconds! > 0, `${name}: ${fault}`);
      }
    }
    for (const { format, name, side, findings } of conformance.filter(({ side }) => side === "own")) {
      assertEquals(side, "own");
      for (const [probe, finding] of Object.entries(findings)) {
        if (probe === "a kept 16 B holds") continue; // It depends on when garbage is collected.
        assert(finding === undefined || finding.good, `${name}, ${format}: ${probe}: ${finding?.text}`);
      }
    }
    const stream = conformance.find(({ name }) => name === "netstring-stream")!;
    assertEquals(stream.findings["cuts"], { text: "wrong if cut", good: false });
  },
});

Deno.test({
  name: "bench:codecs prints tables, with a verdict where there are floors" + reason,
  ...ignored,
  async fn() {
    const { stdout } = await bench("--quick", "--only", "lines,fixed");
    assertMatch(stdout, /^Decode lines of bytes, ns per message\n +Wirebench .* by hand +to the best peer +to by hand/);
    assertMatch(stdout, /^64 B in 1460 B .* \(≥ 0\.9\) .* \(≥ 0\.3\) +(reached|MISSED)$/m);
    assertMatch(stdout, /^\d+ of 18 floors reached$/m);
    const markdown = (await bench("--quick", "--only", "fixed", "--markdown")).stdout;
    assertStringIncludes(markdown, "|  | Wirebench |\n| --- | ---: |\n| 16 B in 64 KiB | ");
    const { code, stderr } = await bench("--only", "none");
    assertEquals(code, 2);
    assertMatch(stderr, /--only: expected some of text-lines,/);
  },
});

const LINES: Format = {
  title: "lines",
  text: false,
  lines: true,
  whole: false,
  encode: lines().encode,
  endless: new Uint8Array(),
  hostile: [],
  contestants: [],
};
const TEXT: Format = { ...LINES, text: true };
const FOUR: Format = {
  ...LINES,
  lines: false,
  encode: lengthPrefix({ bytes: 4 }).encode,
  endless: Uint8Array.of(0x40, 0, 0, 0),
  hostile: [["2^32-1", Uint8Array.of(0xff, 0xff, 0xff, 0xff)]],
};

/** What a probe says about a decoder. */
async function find(name: string, decode: Contestant["decode"], format: Format, most?: number): Promise<unknown> {
  const probe = PROBES.find((probe) => probe.name === name)!;
  return (await judge(probe, { name: "", side: "peer", fed: "calls", decode }, format, most))?.text;
}

Deno.test("the probes of bench:codecs judge wrong decoders as wrong", async () => {
  /** Decodes each chunk by itself, and lines that end in a newline only. */
  const chunkwise: Contestant["decode"] = (chunks, sink) => {
    for (const chunk of chunks) byHand.LINES.decode([chunk], sink);
  };
  const text = byHand.TEXT_LINES.decode as Contestant["decode"];
  const bytes = byHand.LINES.decode as Contestant["decode"];
  const four = byHand.LENGTH_PREFIX.decode as Contestant["decode"];
  assertEquals(await find("cuts", chunkwise, LINES), "wrong if cut");
  assertEquals(await find("cuts", (_, sink) => sink("x"), TEXT), "wrong");
  assertEquals(await find("empty message", four, FOUR), "kept");
  assertEquals(
    await find("empty message", (chunks, sink) => {
      four(chunks, (message) => (message as Uint8Array).length > 0 && sink(message));
    }, FOUR),
    "lost",
  );
  assertEquals(await find("truncated end", bytes, LINES), "lost");
  assertEquals(await find("limit", four, FOUR), "none");
  assertEquals(
    await find("UTF-8 cut", (chunks, sink) => {
      text(Array.from(chunks, (chunk) => new TextEncoder().encode(textOf(chunk))), sink);
    }, TEXT),
    "wrong",
  );
  assertEquals(await find("not UTF-8", text, TEXT), "replaced");
  assertEquals(await find("byte order mark", text, TEXT), "first removed");
  assertEquals(await find("CR LF", text, TEXT), "CR kept");
  assertEquals(await find("chunk overwritten", bytes, LINES), "corrupted");
  assertEquals(await find("hostile input", four, FOUR), "waits for the rest of 2^32-1");
  assertEquals(await find("cuts", () => new Promise(() => {}), LINES, 10), "hangs");
  assertEquals(await find("chunk overwritten", () => Promise.reject(new Error("no")), LINES), "throws no");
});

Deno.test("the probes of bench:codecs judge this library's lines as right", async () => {
  const decode = own(lines()).decode as Contestant["decode"];
  assertEquals(await find("cuts", decode, LINES), "same");
  assertEquals(await find("empty message", decode, LINES), "kept");
  assertEquals(await find("truncated end", decode, LINES), "delivered");
  assertEquals(await find("limit", decode, LINES), "at 1 MiB");
  assertEquals(await find("CR LF", decode, LINES), "right");
  assertEquals(await find("chunk overwritten", decode, LINES), "intact");
});
