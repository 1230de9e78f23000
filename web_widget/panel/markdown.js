/** The Markdown of answers as nodes, and addresses in plain text as links. */

import { el } from './dom.js';

const BULLET = /^\s*[-*+]\s+/;
const NUMBER = /^\s*\d{1,9}[.)]\s+/;
const HEADING = /^\s*#{1,6}\s+/;
const ADDRESS = /(https?:\/\/[^\s<>"]{0,2000}[^\s<>"'.,;:!?)\]*_`])/;

// Lengths are bounded so that no text can make the matching slow.
const INLINE = new RegExp(
  [
    /\\([!-/:-@[-`{-~])/, // 1 an escaped sign
    /`([^`\n]{1,2000})`/, // 2 code
    /!?\[([^\]\n]{1,500})\]\(<?((?:[^\s<>()]|\([^\s<>()]{0,200}\)){1,2000})>?(?:\s[^)\n]{0,300})?\)/, // 3, 4 link
    ADDRESS, // 5
    /(?<!\w)(\*{1,3}|_{1,3})(?![\s*])([^]{1,2000}?)(?<![\s*])\6(?![\w*])/, // 6, 7 italic or bold
  ]
    .map((pattern) => pattern.source)
    .join('|'),
  'g',
);

/**
 * Markdown as nodes: paragraphs, line breaks, bold, italic, code, lists, headings (as bold paragraphs), links.
 * All else, HTML too, stays text.
 *
 * @param {string} text
 * @returns {DocumentFragment}
 */
export function renderMarkdown(text) {
  const fragment = document.createDocumentFragment();
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  const takeWhile = (test) => {
    const end = lines.findIndex((line) => !test(line));
    return lines.splice(0, end < 0 ? lines.length : end);
  };
  while (lines.length) {
    const marker = [BULLET, NUMBER].find((pattern) => pattern.test(lines[0]));
    if (!lines[0].trim()) {
      lines.shift();
    } else if (HEADING.test(lines[0])) {
      fragment.append(el('p', {}, el('strong', {}, ...inline(lines.shift().replace(HEADING, '')))));
    } else if (marker) {
      fragment.append(list(takeWhile((line) => marker.test(line) || (/^\s+\S/.test(line) && !startsBlock(line))), marker));
    } else {
      const first = lines.shift();
      fragment.append(el('p', {}, ...withBreaks([first, ...takeWhile((line) => line.trim() && !startsBlock(line))])));
    }
  }
  return fragment;
}

const startsBlock = (line) => [BULLET, NUMBER, HEADING].some((pattern) => pattern.test(line));

function list(lines, marker) {
  const items = [];
  for (const line of lines) {
    if (marker.test(line)) items.push([line.replace(marker, '')]);
    else items.at(-1).push(line.trim());
  }
  const node = el(marker === NUMBER ? 'ol' : 'ul');
  if (marker === NUMBER) node.start = parseInt(lines[0], 10);
  node.append(...items.map((item) => el('li', {}, ...withBreaks(item))));
  return node;
}

function withBreaks(lines) {
  return lines.flatMap((line, index) => {
    const nodes = inline(line.trim().replace(/\\$/, ''));
    return index ? [el('br'), ...nodes] : nodes;
  });
}

function inline(text, insideLink = false) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(INLINE)) {
    const [all, escaped, code, label, target, address, stars, marked] = match;
    nodes.push(text.slice(done, match.index));
    done = match.index + all.length;
    if (escaped) nodes.push(escaped);
    else if (code) nodes.push(el('code', {}, code));
    else if (label) nodes.push(...link(target, inline(label, true), insideLink));
    else if (address) nodes.push(...link(address, [address], insideLink));
    else nodes.push(el(stars.length > 1 ? 'strong' : 'em', {}, ...inline(marked, insideLink)));
  }
  nodes.push(text.slice(done));
  return nodes.filter(Boolean);
}

/** A link, or only its text when nobody should click the target. */
function link(target, label, insideLink) {
  let url;
  try {
    url = new URL(target);
  } catch {
    return label;
  }
  if (insideLink || !['http:', 'https:', 'mailto:'].includes(url.protocol)) return label;
  return [el('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer' }, ...label)];
}

export function plainWithLinks(text) {
  return text.split(ADDRESS).flatMap((piece, index) => (index % 2 ? link(piece, [piece]) : piece));
}
