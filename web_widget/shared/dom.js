/**
 * Building the page without HTML strings: the pages' CSP enforces Trusted Types, so nothing here ever parses markup.
 */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Make an element: `el('button', {class: 'button', onclick: save}, 'Save')`.
 * `on...` functions become listeners, `value` a property, the rest attributes; null, undefined and false are left
 * out, true is an empty attribute. Children may be nodes, strings, arrays of them, or null/false (left out).
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  node.append(...shown(children));
  return node;
}

/** The same for SVG. @returns {SVGElement} */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Replace all children; null and false are left out. */
export function fill(node, ...children) {
  node.replaceChildren(...shown(children));
  return node;
}

/** Set a node's text only when it differs, so that nothing is laid out or announced for no reason. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
  else if (name === 'value') node.value = value;
  else node.setAttribute(name, value === true ? '' : value);
}

function shown(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
