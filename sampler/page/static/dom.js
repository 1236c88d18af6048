// Elements and text. Names, labels and help come from strangers: nothing here parses HTML.

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
// Two lines that a stranger could write to look like one: all of these have no look of their own.

/** Return `text` with each character that cannot be seen, or that turns the writing, shown by its code. */
export function plain(text) {
  return String(text ?? "").replace(CONTROL, (each) => {
    const code = each.codePointAt(0);
    return code < 0x20
      ? String.fromCodePoint(0x2400 + code)
      : `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
  });
}

/**
 * Make an element.
 * @param {string} tag
 * @param {object} attributes `class`, `text`, `data`, `on` and whatever the element has.
 * @param {...(Node|string)} children
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") made.textContent = plain(value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "on") for (const [event, does] of Object.entries(value)) made.addEventListener(event, does);
    else if (name === "aria-label") made.setAttribute(name, plain(value));
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Write `text` into `node`, unless it stands there: a selection of the viewer's then stays. */
export function write(node, text) {
  const clean = plain(text);
  if (node.textContent !== clean) node.textContent = clean;
}

/** Return `name` with places where a line may break: after dots and underscores, not within words. */
export function breakable(name) {
  const made = document.createDocumentFragment();
  for (const part of plain(name).split(/(?<=[._=/:-])/)) made.append(part, document.createElement("wbr"));
  made.lastChild.remove();
  return made;
}

/** Return labels as one line: `route=/buy  method=GET`; empty without labels. */
export function labelled(labels) {
  return Object.entries(labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join("  ");
}

/**
 * Let `parent` hold one child for each item, in their order, and keep the children that it has.
 * @param {Element} parent
 * @param {Array} items
 * @param {(item) => string} key
 * @param {(item) => Element} make
 * @param {(child: Element, item) => void} update
 */
export function sync(parent, items, key, make, update) {
  const had = new Map();
  for (const child of parent.children) had.set(child.dataset.key, child);
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let child = had.get(name);
    had.delete(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
    }
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
    update(child, item);
  }
  for (const gone of had.values()) gone.remove();
}

/** Tell those who listen to the page, once and briefly. */
export function say(text) {
  write(document.getElementById("say"), text);
}
