import { UsageError } from "../../../lib/cli/mod.ts";
import { FRAMING_NAMES, parseFraming } from "../../../lib/framing/mod.ts";
import { parseEndpoint } from "../../../lib/net/endpoint.ts";
import { dissector } from "../../../lib/record/dissector.ts";
import { loadRecording } from "./files.ts";

/** The framings without an argument. */
const NAMES = ["header", "lines", "netstring", ...[1, 2, 4, 8].map((bytes) => `length${bytes}`)]
  .concat([2, 4, 8].map((bytes) => `length${bytes}le`));

/**
 * Writes dissectors: of the named framings, of that of a recording, for its ports, or of all framings.
 *
 * @param names Framings, or one recording.
 * @param framing The framing by name, in place of the recording's own.
 * @param signal Stops reading the recording when it aborts.
 */
export async function dissectorOf(
  names: string[],
  framing: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const [file] = names;
  if (names.length !== 1 || file === undefined || layoutOf(file) !== undefined) {
    const all = names.length > 0 ? names : framing === undefined ? NAMES : [framing];
    return dissector(all.map((name) => ({ name, layout: parseFraming(name).layout })));
  }
  if (file !== "-" && !/[./]/.test(file)) {
    throw new UsageError(
      `"${file}" is neither a framing (${FRAMING_NAMES.join(", ")}) nor a file, such as recordings/a.jsonl`,
    );
  }
  const { header, session, name } = await loadRecording(file, framing, signal);
  if (session.framing === undefined) {
    throw new UsageError(`The recording ${name} names no framing: choose one with --framing`);
  }
  const ports = [header.listen, header.to].map(parseEndpoint).flatMap((end) =>
    end.transport === "tcp" ? [end.port] : []
  );
  return dissector([{ name: session.framing, layout: layoutOf(session.framing)! }], ports);
}

/** The layout of a framing; `undefined` if there is no framing of that name, such as for the name of a file. */
function layoutOf(name: string) {
  try {
    return parseFraming(name).layout;
  } catch {
    return undefined;
  }
}
