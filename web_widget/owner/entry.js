/** What an entry of the FAQ is, and comparing two versions of one. Pure. */

/** @typedef {{question: string, answer: string, category: string, alternates: string[]}} Text what an owner writes */

export const FIELDS = {
  question: 'Question',
  answer: 'Answer',
  category: 'Category',
  alternates: 'Phrasings',
};

/** @returns {Text} only what an owner writes of an article or a version */
export function textOf({ question, answer, category, alternates }) {
  return { question, answer, category, alternates: [...alternates] };
}

const CRUMB = 6; // characters

export const EMPTY = { question: '', answer: '', category: '', alternates: [] };

/** The fields in which two texts differ. @returns {(keyof Text)[]} */
export function differences(one, other) {
  return Object.keys(FIELDS).filter((field) => asText(one[field]) !== asText(other[field]));
}

/** A field's value as one text; phrasings one a line. */
export function asText(value) {
  return Array.isArray(value) ? value.join('\n') : value;
}

/** Lines of a textarea as phrasings: trimmed, no empty ones, none twice. */
export function asPhrasings(text) {
  return [
    ...new Set(
      text
        .split('\n')
        .map((line) => line.trim())
        .filter(Boolean),
    ),
  ];
}

/**
 * What changed from one text to another, word by word (longest common subsequence).
 * @returns {{kind: 'same'|'gone'|'new', text: string}[]}
 */
export function wordDiff(before, after) {
  const a = words(before);
  const b = words(after);
  if (a.length * b.length > 400_000)
    return [
      { kind: 'gone', text: before },
      { kind: 'new', text: after },
    ];
  const common = commonLengths(a, b);
  const parts = [];
  const add = (kind, text) => {
    if (parts.at(-1)?.kind === kind) parts.at(-1).text += text;
    else parts.push({ kind, text });
  };
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add('same', a[i]);
      i += 1;
      j += 1;
    } else if (j === b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) {
      add('gone', a[i]);
      i += 1;
    } else {
      add('new', b[j]);
      j += 1;
    }
  }
  return tidied(parts);
}

/** Words with the space behind them. */
function words(text) {
  return text.match(/\s+$|\S+\s*/g) ?? [];
}

/** Short words that both texts happen to share inside a change would cut it into crumbs: take them into it. */
function tidied(parts) {
  const whole = [];
  let gone = '';
  let added = '';
  const flush = () => {
    if (gone) whole.push({ kind: 'gone', text: gone });
    if (added) whole.push({ kind: 'new', text: added });
    gone = added = '';
  };
  parts.forEach(({ kind, text }, at) => {
    const isCrumb = kind === 'same' && text.length <= CRUMB && at > 0 && at < parts.length - 1;
    if (kind === 'same' && !isCrumb) {
      flush();
      whole.push({ kind, text });
      return;
    }
    if (kind !== 'new') gone += text;
    if (kind !== 'gone') added += text;
  });
  flush();
  return whole;
}

/** lengths[i][j]: of the longest common subsequence of a from i and b from j. */
function commonLengths(a, b) {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i][j] =
        a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}
