import { fill, make } from "./dom.ts";

/** What a key does. */
export interface Binding {
  /** The key, as the browser names it; `Shift+` before it if it is held. Several are separated by spaces. */
  readonly keys: string;
  /** What the list shows instead of the names. */
  readonly shown?: string;
  readonly does: string;
  /** Whether there must be a server. */
  readonly live?: boolean;
  run(key: string): void;
}

/** Runs bindings when their keys are pressed, except while a person is typing. */
export function bindKeys(bindings: readonly Binding[]): void {
  const byKey = new Map(bindings.flatMap((binding) => binding.keys.split(" ").map((key) => [key, binding])));
  document.addEventListener("keydown", (event) => {
    const { key, shiftKey, ctrlKey, altKey, metaKey, target } = event;
    if (ctrlKey || altKey || metaKey || document.querySelector("dialog[open]") !== null) return;
    const name = key === " " ? "Space" : shiftKey && key.length > 1 ? `Shift+${key}` : key;
    const element = target as HTMLElement;
    // These elements use some keys themselves. Escape leaves them.
    if (element.matches("select, input[type=text], input:not([type])")) {
      if (key === "Escape") element.blur();
      return;
    }
    if (name === "Space" && element.matches("button, input")) return;
    const binding = byKey.get(name);
    if (binding === undefined) return;
    event.preventDefault();
    binding.run(name);
  });
}

/** Fills the list of all keys. */
export function listKeys(list: HTMLElement, bindings: readonly Binding[]): void {
  fill(
    list,
    ...bindings.flatMap(({ keys, shown = keys, does }) => [make("dt", {}, ...caps(shown)), make("dd", {}, does)]),
  );
}

/** The keys of a binding as key caps. */
export function caps(shown: string): (Node | string)[] {
  return shown.split(" ").flatMap((key, index) => [index === 0 ? "" : " ", make("kbd", {}, key)]);
}
