/** Making nodes, one by one: no HTML is ever parsed. */

/** el('tag.class', attributes and listeners, ...nodes and plain text) */
export function el(name, props = {}, ...children) {
  const [tag, className] = name.split('.');
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [key, value] of Object.entries(props)) {
    if (typeof value === 'function') node.addEventListener(key, value);
    else if (typeof value === 'boolean') node.toggleAttribute(key, value);
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

export function textButton(text, onclick, kind = 'link') {
  return el(`button.${kind}`, { type: 'button', click: onclick }, text);
}

const ICONS = {
  back: 'M14 6l-6 6 6 6',
  close: 'm6.5 6.5 11 11m0-11-11 11',
  more: 'M5 12h1m5.5 0h1m5.5 0h1',
  send: 'M12 19V6m-6 6 6-6 6 6',
  bot: 'M12 4v4M5 8h14v11H5Zm4.5 4.5v2m5-2v2',
  person: 'M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Zm-7 9c0-7.5 14-7.5 14 0',
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', `icon-${name}`);
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** Scrolls the part of the panel that `node` is in, and nothing else of the page, until its end can be seen. */
export function reveal(node) {
  const view = node.closest('.scroll, .sheet-body');
  if (!view) return;
  const [inner, outer] = [node, view].map((each) => each.getBoundingClientRect());
  const hidden = inner.bottom + 12 - outer.bottom;
  if (hidden > 0) view.scrollTop += Math.min(hidden, inner.top - 12 - outer.top);
}

/** Gives the visitor a file. */
export function download(name, blob) {
  const link = el('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
