// Small tools for the document, and how numbers and times are written.

export const $ = (id) => document.getElementById(id);
export const number = (value) => Number(value).toLocaleString('ko');
export const seconds = (ms) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)}초`;
export const clock = new Intl.DateTimeFormat('ko', { hour: 'numeric', minute: '2-digit' });
export const dayAndTime = new Intl.DateTimeFormat('ko', { month: 'long', day: 'numeric', hour: 'numeric', minute: '2-digit' });
export const exactClock = new Intl.DateTimeFormat('ko', { timeStyle: 'medium', hour12: false });
export const characters = (text) => [...text].length;

/** Makes an element; its children are elements or text, never markup. */
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

export function makeButton(text, className, onClick) {
  const button = make('button', className, text);
  button.type = 'button';
  button.addEventListener('click', onClick);
  return button;
}

/** Makes the list's children those of `items`, and leaves alone what did not change: focus and open details stay. */
export function fillList(list, items, build) {
  const known = new Map([...list.children].map((child) => [child.dataset.version, child]));
  const children = items.map(({ version, item }) => {
    const child = known.get(version) ?? build(item);
    child.dataset.version = version;
    return child;
  });
  const isSame = children.length === list.children.length && children.every((child, at) => child === list.children[at]);
  if (!isSame) list.replaceChildren(...children);
}

/** Lets `element` say `text`: what it says already stays as it is, and what is new is added to it. */
export function sayOn(element, text) {
  const said = element.textContent;
  if (text === said) return;
  if (said && text.startsWith(said)) element.append(make('span', 'added', text.slice(said.length)));
  else element.replaceChildren(make('span', 'added', text));
}

export function announce(text) {
  $('live').textContent = text;
}
