/** What a visitor reads, in one language: a catalogue of languages/, with numbers, plurals and dates by Intl. */

let catalogue = {};
let locale = 'en';
export let language = 'en';

/** From now on `t` answers from this catalogue; `region` is its language, perhaps with a region. */
export function speak(words, region) {
  catalogue = words;
  locale = region;
  language = new Intl.Locale(region).language;
}

/** A text of the catalogue with its values filled in; '' for what it does not have (a newer server's word). */
export function t(name, values = {}) {
  const found = Object.hasOwn(catalogue, name) ? catalogue[name] : '';
  const text = typeof found === 'string' ? found : (found[new Intl.PluralRules(locale).select(values.count)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, key) => shown(values[key]));
}

function shown(value) {
  if (typeof value === 'number') return value.toLocaleString(locale);
  // Between right-to-left words a name or a question keeps its own direction.
  return catalogue.dir === 'rtl' ? `\u2068${value}\u2069` : value;
}

const SAID_AS = {
  too_fast: 'error_too_many',
  unknown_token: 'expired',
  token_expired: 'expired',
  consent_withdrawn: 'withdrawn',
};

/** A refusal in the visitor's language; the server's own words are English. */
export function problem({ code, message }) {
  const known = t(SAID_AS[code] ?? `error_${code}`);
  if (known) return known;
  return language === 'en' ? message : `${t('error')} (${message})`;
}

export function percent(share) {
  return share.toLocaleString(locale, { style: 'percent' });
}

export function moment(at) {
  return new Date(at).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' });
}

/** The time, with the date unless it is today. */
export function clock(at) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString(locale, { timeStyle: 'short' }) : moment(at);
}
