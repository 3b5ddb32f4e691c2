/** Finds an element of the page by its id. */
export function find<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  return document.getElementById(id) as Kind;
}

/** What an element contains: text stays text, whatever it holds. */
export type Content = Node | string | number | undefined | false | Content[];

/** Makes an element. Attributes that are `undefined` or `false` are left out. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | boolean | number | undefined>> = {},
  ...content: Content[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(attribute, value === true ? "" : String(value));
  }
  fill(element, ...content);
  return element;
}

/** Replaces what an element contains. */
export function fill(element: Element, ...content: Content[]): void {
  element.replaceChildren(...nodesOf(content));
}

/** Sets the text of an element, unless it has it already. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes a bold figure. */
export function bold(text: string | number): HTMLElement {
  return make("b", {}, text);
}

function nodesOf(content: Content[]): (Node | string)[] {
  return content.flatMap((each) => {
    if (each === undefined || each === false) return [];
    return Array.isArray(each) ? nodesOf(each) : [typeof each === "number" ? String(each) : each];
  });
}
