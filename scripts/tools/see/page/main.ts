import type { Direction, RecordedEvent, RecordingHeader } from "../../../../lib/record/event.ts";
import { parseRecording } from "../../../../lib/record/parse.ts";
import type { Flow } from "../../../../lib/record/flow.ts";
import { Session } from "../../../../lib/record/session.ts";
import type { Control, State } from "../protocol.ts";
import { App } from "./app.ts";
import { ConnectionList } from "./connections.ts";
import { Detail } from "./detail.ts";
import { fill, find, make, setText } from "./dom.ts";
import { FaultForm } from "./faults.ts";
import { formatCount, hostOf } from "./format.ts";
import { FramingChoice } from "./framings.ts";
import { type Binding, bindKeys, caps, listKeys } from "./keys.ts";
import { Lane } from "./lane.ts";
import { faultsIn, sceneOf } from "./scene.ts";
import { Live } from "./source.ts";
import { Strip } from "./strip.ts";
import { Table } from "./table.ts";
import { readTheme } from "./theme.ts";

/** Memory that a live session takes at most, in bytes. */
const MOST_MEMORY = 256 * 1024 * 1024;

const app = new App();
const lanes = [new Lane(app, "up"), new Lane(app, "down")];
const lane = () => lanes[app.way === "up" ? 0 : 1]!;
const strip = new Strip(app, find<HTMLCanvasElement>("strip"));
const detail = new Detail(app, find("detail"));
const table = new Table(app, find("table"));
const connections = new ConnectionList(app, find("connections"));
const framing = new FramingChoice(app, notify);
const faults = new FaultForm(app, async (faults) => await live?.control({ do: "faults", faults }));

/** The recording in a page of one file; such a page has no server. */
const recorded = document.getElementById("recording")?.textContent;
let live: Live | undefined;
let connected: "open" | "broken" | "closed" = "closed";
/** The faults of the page's address, until the server has them. */
let scene = recorded === undefined ? faultsIn(location.search) : undefined;
let theme = readTheme();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  theme = readTheme();
  app.changed();
});
app.say = (text) => setText(find("spoken"), text);
app.views.push(
  drawBar,
  () => framing.draw(),
  () => connections.draw(),
  () => faults.draw(),
  () => table.draw(),
  () => {
    for (const each of lanes) if (!app.table) each.draw(theme);
  },
  () => detail.draw(),
  () => strip.draw(theme),
);

function begin(header: RecordingHeader): Session {
  try {
    app.session = new Session(header);
  } catch (error) {
    // Such a framing is in no recording of this proxy.
    app.session = new Session(header, "");
    notify(`Framing: ${(error as Error).message}`, true);
  }
  return app.session;
}

function add(events: readonly RecordedEvent[]): void {
  const { session } = app;
  if (session === undefined) return;
  for (const event of events) session.add(event);
  if (live !== undefined && session.trim(MOST_MEMORY)) app.trimmed();
  app.changed();
}

/** Sends one request at a time to the server, and shows an error in its answer. */
async function ask(...controls: Control[]): Promise<void> {
  try {
    for (const control of controls) await live?.control(control);
    notify("");
  } catch (error) {
    notify((error as Error).message, true);
  }
}

/** Shows a notice about the whole page, until the next one. */
function notify(text: string, isError = false): void {
  const notice = find("notice");
  notice.hidden = text === "";
  notice.dataset.kind = isError ? "error" : "";
  setText(notice, text);
}

function setState(state: State): void {
  const before = app.state;
  if (app.session?.header.began !== state.header.began) begin(state.header);
  app.state = state;
  if (state.outcome !== undefined && state.outcome !== before?.outcome) {
    notify(state.outcome === "right" ? "" : `The exchange failed: ${state.outcome}`, state.outcome !== "right");
  }
  const asked = scene;
  scene = undefined;
  // The address of a page that is reloaded has the faults already in force.
  if (asked !== undefined && location.search !== sceneOf(state)) {
    const service = new URLSearchParams(location.search).get("service");
    if (service === null || service === state.service) {
      app.changed();
      return void live?.control({ do: "faults", faults: asked }).catch((error) => notify(error.message, true));
    }
    notify(`This scene is for ${service}. Type: deno task see "${location.search}"`, true);
  }
  history.replaceState(null, "", sceneOf(state));
  app.changed();
}

function drawBar(): void {
  const { session, state } = app;
  const { header } = session ?? {};
  setText(find("route"), header === undefined ? "" : `${hostOf(header.listen)} → ${hostOf(header.to)}`);
  const status = find("status");
  const missed = session === undefined || session.missed === 0 ? "" : `, ${formatCount(session.missed)} events missed`;
  const paused = state?.paused ?? false;
  const name = recorded !== undefined
    ? "recorded"
    : connected === "broken"
    ? "stopped"
    : paused
    ? "paused"
    : session === undefined
    ? "connecting"
    : "live";
  const older = app.isTrimmed ? ", older pieces left out" : "";
  const words = {
    recorded: "a recording",
    stopped: "no connection to the proxy",
    paused: "paused",
    connecting: name,
    live: name,
  }[name];
  setText(status, words + missed + older);
  status.dataset.state = name;
  const isOver = session === undefined || session.connections.values().every(({ closed }) => closed !== undefined);
  find("follow").hidden = app.following || isOver || recorded !== undefined;
  setText(find("pause"), paused ? "Resume" : "Pause");
  const exchange = find<HTMLButtonElement>("exchange");
  exchange.hidden = state?.exchange !== true;
  exchange.disabled = state?.running === true;
  setText(exchange, state?.running ? "Running ..." : "Run the exchange");
  const datagrams = session?.datagrams === true;
  for (const id of ["controls", "save", "save-page", "copy"]) find(id).hidden = recorded !== undefined;
  // A datagram is passed on whole, and has no connection to end.
  find("acts").hidden = recorded !== undefined || datagrams;
  for (const id of ["step-byte", "step-message"]) find<HTMLButtonElement>(id).disabled = datagrams;
  const closed = app.current === undefined || app.current.closed !== undefined;
  for (const id of ["reset", "end-up", "end-down"]) find<HTMLButtonElement>(id).disabled = closed;
  for (const way of ["up", "down"]) find(`lane-${way}`).hidden = app.table;
  const empty = session !== undefined && session.connections.size === 0 && state !== undefined;
  const { command } = state ?? {};
  const hint = find("hint");
  if (empty && hint.childElementCount === 0) {
    fill(
      hint,
      "No client yet. ",
      state.exchange && "Run the exchange, or connect a client:",
      !state.exchange && "Connect a client:",
      make("code", {}, command ?? hostOf(header!.listen)),
    );
  } else if (!empty && session !== undefined) fill(hint);
  document.title = header?.service === undefined ? "See the wire" : `${header.service} · See the wire`;
}

function step(unit: "byte" | "piece" | "message"): void {
  const { current, state } = app;
  if (current === undefined || state === undefined) return;
  // If nothing waits in this direction, step in the other one.
  const other = app.way === "up" ? "down" : "up";
  const way = isWaiting(current[app.way]) || !isWaiting(current[other]) ? app.way : other;
  const controls: Control[] = [];
  if (!state.paused) controls.push({ do: "pause" });
  // The proxy divides the bytes by its own framing until it gets that of the page.
  const framing = app.session?.framing;
  if (unit === "message" && framing !== undefined && framing !== state.faults.framing) {
    controls.push({ do: "faults", faults: { ...state.faults, framing } });
  }
  void ask(...controls, { do: "step", connection: current.number, way, unit });
  app.follow();
}

/** Whether the proxy holds bytes of a direction back, or datagrams. */
function isWaiting({ end, passed, datagrams }: Flow): boolean {
  return datagrams || end > passed;
}

function togglePause(): void {
  void ask({ do: app.state?.paused ? "resume" : "pause" });
}

function end(way: Direction): void {
  if (app.current !== undefined) void ask({ do: "end", connection: app.connection, way });
}

function reset(): void {
  if (app.current !== undefined) void ask({ do: "reset", connection: app.connection });
}

function save(href: "recording" | "session.html"): void {
  make("a", { href, download: true }).click();
}

async function copy(): Promise<void> {
  if (app.state === undefined) return;
  const text = `deno task see "${sceneOf(app.state)}"`;
  try {
    await navigator.clipboard.writeText(text);
    notify(`Copied: ${text}`);
  } catch {
    notify(text);
  }
}

function setTable(): void {
  app.table = !app.table;
  app.say(app.table ? "Table" : "Drawing");
  app.changed();
}

const BINDINGS: readonly Binding[] = [
  {
    keys: "ArrowLeft ArrowRight",
    shown: "← →",
    does: "piece before, after",
    run: (key) => app.move(key === "ArrowLeft" ? -1 : 1),
  },
  {
    keys: "Shift+ArrowLeft Shift+ArrowRight",
    shown: "shift ← →",
    does: "message before, after",
    run: (key) => app.moveMessage(key === "Shift+ArrowLeft" ? -1 : 1),
  },
  {
    keys: "PageUp PageDown",
    shown: "page↑ page↓",
    does: "a screen of pieces",
    run: (key) => app.move(key === "PageUp" ? -lane().page : lane().page),
  },
  { keys: "Home", shown: "home", does: "the first piece", run: () => app.choose(app.way, 0) },
  { keys: "End Escape", shown: "end", does: "the newest piece, and those to come", run: () => app.follow() },
  {
    keys: "ArrowUp ArrowDown",
    shown: "↑ ↓",
    does: "connection before, after",
    run: (key) => app.moveConnection(key === "ArrowUp" ? -1 : 1),
  },
  { keys: "d", does: "the other direction", run: () => app.turn() },
  {
    keys: "+ = -",
    shown: "+ −",
    does: "wider or narrower bytes",
    run: (key) => lane().zoomBy(key === "-" ? 1 / 1.4 : 1.4),
  },
  { keys: "0", does: "width of bytes by itself", run: () => lanes.forEach((each) => each.zoomToFit()) },
  {
    keys: "h",
    does: "hexadecimal digits, or characters",
    run: () => {
      app.hex = !app.hex;
      app.changed();
    },
  },
  {
    keys: "w",
    does: "when: since the beginning, or since the piece before",
    run: () => {
      app.absolute = !app.absolute;
      app.changed();
    },
  },
  { keys: "t", does: "a table, or the drawing", run: setTable },
  { keys: "/", does: "choose the framing", run: () => framing.focus() },
  { keys: "Space", shown: "space", does: "pause, or resume", live: true, run: togglePause },
  { keys: "b", does: "deliver the next byte", live: true, run: () => step("byte") },
  { keys: "p", does: "deliver the next piece", live: true, run: () => step("piece") },
  { keys: "m", does: "deliver the next message", live: true, run: () => step("message") },
  { keys: "e", does: "run the exchange", live: true, run: () => void ask({ do: "exchange" }) },
  { keys: "f", does: "switch faults", live: true, run: () => faults.focus() },
  { keys: "r", does: "reset this connection", live: true, run: reset },
  {
    keys: "[ ]",
    does: "end the client’s side, the server’s",
    live: true,
    run: (key) => end(key === "[" ? "up" : "down"),
  },
  { keys: "s", does: "save the recording", live: true, run: () => save("recording") },
  { keys: "S", shown: "shift s", does: "save it as one page", live: true, run: () => save("session.html") },
  { keys: "c", does: "copy the scene", live: true, run: () => void copy() },
  { keys: "?", does: "this list", run: () => find<HTMLDialogElement>("keys").showModal() },
];

const bindings = BINDINGS.filter((binding) => recorded === undefined || !binding.live);
bindKeys(bindings);
listKeys(find("keys").querySelector("dl")!, bindings);
const HINTS: [shown: string, does: string][] = [
  ...recorded === undefined ? [["space", "pause"], ["p", "next piece"]] as [string, string][] : [],
  ["← →", "piece"],
  ["shift ← →", "message"],
  ["↑ ↓", "connection"],
  ["d", "direction"],
  ["?", "all keys"],
];
fill(find("hints"), ...HINTS.map(([shown, does]) => make("span", {}, ...caps(shown), ` ${does}`)));

const CLICKS: Record<string, () => void> = {
  pause: togglePause,
  "step-byte": () => step("byte"),
  "step-piece": () => step("piece"),
  "step-message": () => step("message"),
  exchange: () => void ask({ do: "exchange" }),
  save: () => save("recording"),
  "save-page": () => save("session.html"),
  follow: () => app.follow(),
  copy: () => void copy(),
  help: () => find<HTMLDialogElement>("keys").showModal(),
  reset,
  "end-up": () => end("up"),
  "end-down": () => end("down"),
};
for (const [id, click] of Object.entries(CLICKS)) find(id).addEventListener("click", click);

if (recorded === undefined) {
  live = new Live({
    state: setState,
    events: add,
    status(status) {
      connected = status;
      app.changed();
    },
  });
} else {
  const { header, events, problem } = parseRecording(recorded);
  app.following = false;
  if (header !== undefined) {
    const session = begin(header);
    add(events);
    app.chooseConnection(session.connections.keys().next().value ?? 0);
  }
  if (problem !== undefined) notify(problem, true);
}
app.changed();
