/** "Why this reply?": the record of a bot's decision in plain words, and asking a person to check it. */

import { el, reveal, textButton } from './dom.js';
import { language, moment, percent, problem, t } from './words.js';

const MAX_WORDS = 1000; // code points, as the server counts
const CONSIDERED = 3; // candidates

/** On a bot's message; the record is fetched when it is opened. */
export function whyNode(basis, chat) {
  const body = el('div.reasons', { dir: 'auto' });
  const node = el('details.why', {}, el('summary', {}, t('why')), body);
  node.addEventListener('toggle', () => {
    if (node.open) fill(body, basis, chat).then(() => reveal(node));
  });
  return node;
}

async function fill(body, basis, chat) {
  const review = el('div.review', { role: 'status' });
  body.replaceChildren(bullets(localFacts(basis)), el('p.quiet', {}, t('loading')));
  const path = `decisions/${basis.decision_id}`;
  try {
    const record = await (await chat.request('GET', path)).json();
    showReview(review, record.review, chat, path);
    body.replaceChildren(bullets(facts(record, basis)), el('p.quiet', {}, t('versions', record.versions)), review);
  } catch (error) {
    if (!error.code) throw error;
    body.lastChild.textContent = t('whyMore');
  }
}

/** What the message itself brought. */
function localFacts({ decision, title: entry, confidence, handoff, reason }) {
  return [
    t(`why_${decision}`, { entry }),
    ['answer', 'clarify', 'decline'].includes(decision) && t('whySure', sureness(confidence)),
    handoff !== 'none' && reason && t('whyPerson', { reason: t(reason) }),
  ];
}

function sureness(confidence) {
  return { percent: percent(confidence), words: t(confidence >= 0.8 ? 'sure' : confidence >= 0.5 ? 'halfSure' : 'unsure') };
}

/** The record's own words are English; in another language the same is said from its fields. */
function facts(record, basis) {
  const others = record.candidates
    .filter(({ question }) => question !== record.entry)
    .slice(0, CONSIDERED)
    .map(({ question, confidence }) => `“${question}” (${percent(confidence)})`);
  return [
    ...(language === 'en' ? [record.why] : localFacts({ ...basis, title: record.entry ?? basis.title })),
    others.length > 0 && t('considered', { entries: others.join(', ') }),
  ];
}

function bullets(items) {
  return el('ul', {}, ...items.filter(Boolean).map((fact) => el('li', {}, fact)));
}

function showReview(node, review, chat, path) {
  if (!review) {
    node.replaceChildren(textButton(t('wrong'), () => showForm(node, chat, path)));
    return;
  }
  const { state, asked_at: at, answer } = review;
  node.replaceChildren(
    el('p', {}, t(`review_${state}`)),
    ...(answer ? [el('blockquote', { dir: 'auto' }, answer)] : []),
    el('p.quiet', {}, t('reviewAsked', { date: moment(at), id: path.slice(-8) })),
  );
}

function showForm(node, chat, path) {
  const words = el('textarea', { rows: '2', maxlength: String(MAX_WORDS), dir: 'auto' });
  const error = el('p.error', { role: 'alert' });
  const send = el('button.primary', {}, t('wrongSend'));
  const submit = async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      const answer = await chat.request('POST', `${path}/review`, { words: words.value.trim() });
      showReview(node, await answer.json(), chat, path);
      node.firstChild.tabIndex = -1;
      node.firstChild.focus();
    } catch (refusal) {
      send.disabled = false;
      error.textContent = t('failed', { message: problem(refusal) });
    }
  };
  const cancel = textButton(t('cancel'), () => {
    showReview(node, null, chat, path);
    node.firstChild.focus();
  });
  node.replaceChildren(
    el('form', { submit }, el('label', {}, t('wrongWords'), words), error, el('div.buttons', {}, send, cancel)),
  );
  words.focus({ preventScroll: true });
  reveal(node);
}
