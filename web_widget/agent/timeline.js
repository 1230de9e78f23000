/** From an event to what is shown of it in the conversation. */

import { el } from '../shared/dom.js';
import { icon } from '../shared/icons.js';
import { renderMarkdown } from '../shared/markdown.js';
import {
  OUTCOMES,
  SENTIMENTS,
  clock,
  dateAndTime,
  day,
  heat,
  mailAddress,
  percent,
  reasonWords,
} from '../shared/words.js';

/**
 * Nodes for the next event; a new day begins with a separator.
 * @param {object} event
 * @param {object|null} before the event before it
 * @param {string} myId
 * @param {(seq: number) => boolean} isVeiled are there abusive words in it that nobody has asked to read?
 * @param {(seq: number) => void} onUnveil
 */
export function nodesFor(event, before, myId, isVeiled, onUnveil) {
  const nodes = [];
  if (!before || day(before.at) !== day(event.at))
    nodes.push(el('div', { class: 'day' }, el('span', {}, day(event.at))));
  const node = nodeFor(event, myId);
  if (isVeiled(event.seq)) veil(node, () => onUnveil(event.seq));
  nodes.push(node);
  return nodes;
}

/** Hide what a message says behind a button. */
export function veil(node, onUnveil) {
  const body = node.querySelector('.message-body');
  if (!body || body.hidden) return;
  body.hidden = true;
  const show = el(
    'button',
    {
      type: 'button',
      class: 'veil',
      onclick: () => {
        body.hidden = false;
        show.remove();
        body.tabIndex = -1;
        body.focus();
        onUnveil();
      },
    },
    icon('warn'),
    'Abusive words. Show them',
  );
  body.before(show);
}

function nodeFor(event, myId) {
  if (event.kind === 'message_said') return message(event, myId);
  if (event.kind === 'note_written') return note(event, myId);
  if (event.kind === 'chat_offered')
    return note({ ...event, author_name: `${event.by_name} to ${event.to_name}`, text: event.note }, myId);
  if (event.kind === 'decision_made') return decisionNote(event);
  if (event.kind === 'contact_left') return contactCard(event);
  return systemLine(event, myId);
}

/** A message that somebody said. */
function message(event, myId) {
  const { sender } = event;
  const body = event.format === 'markdown' ? renderMarkdown(event.text) : event.text;
  return el(
    'article',
    { class: `message from-${sender.kind}`, 'data-seq': event.seq },
    el(
      'header',
      { class: 'message-head' },
      el('span', { class: 'message-who' }, senderName(sender, myId)),
      stamp(event.at),
    ),
    el('div', { class: `message-body ${event.format}`, dir: 'auto' }, body),
    event.buttons.length > 0 &&
      el(
        'p',
        { class: 'message-buttons' },
        el('span', { class: 'visually-hidden' }, 'Offered: '),
        event.buttons.map(({ title }) => el('span', { class: 'offered' }, title)),
      ),
  );
}

/** What the staff tell each other. */
function note({ at, author_id, author_name, text }, myId) {
  return el(
    'article',
    { class: 'staff-note' },
    el(
      'header',
      { class: 'message-head' },
      icon('note'),
      el('span', { class: 'message-who' }, `Note · ${author_id === myId ? 'You' : author_name}`),
      stamp(at),
    ),
    el('p', { class: 'plain', dir: 'auto' }, text),
  );
}

function senderName(sender, myId) {
  if (sender.kind === 'visitor') return 'Visitor';
  if (sender.kind === 'bot') return sender.name || 'Bot';
  if (sender.kind === 'system') return 'Warmline';
  return sender.id === myId ? 'You' : sender.name;
}

/** A message of ours on its way: being sent, stored but not yet come back as an event, or refused. */
export function outgoingMessage({ key, kind, text, at, isStored, refusal }, { onEdit, onRetry, onDiscard }) {
  const status = refusal
    ? [
        el('p', { class: 'note bad' }, el('strong', {}, 'Not sent. '), refusal.message),
        el(
          'div',
          { class: 'actions' },
          el('button', { type: 'button', class: 'button small', onclick: () => onRetry(key) }, 'Try again'),
          el('button', { type: 'button', class: 'button small', onclick: () => onEdit(key, text) }, 'Edit'),
          el(
            'button',
            { type: 'button', class: 'button quiet small', onclick: () => onDiscard(key) },
            'Discard',
          ),
        ),
      ]
    : null;
  return el(
    'article',
    {
      class: `message from-agent ${refusal ? 'is-refused' : 'is-sending'} ${kind === 'note' ? 'is-note' : ''}`.trim(),
    },
    el(
      'header',
      { class: 'message-head' },
      el('span', { class: 'message-who' }, kind === 'note' ? 'Your note' : 'You'),
      refusal ? stamp(at) : el('span', { class: 'message-time' }, isStored ? 'Sent' : 'Sending…'),
    ),
    el('div', { class: 'message-body plain', dir: 'auto' }, text),
    status,
  );
}

/** What the bot chose and why, folded. */
function decisionNote({ basis, sentiment, frustration, rule, scored }) {
  const temper = heat(frustration);
  const facts = [
    ['Confidence', percent(basis.confidence)],
    ['Rule', rule],
    basis.faq_id && ['Entry', [basis.faq_id, ...basis.also].join(', ')],
    ['A person', { none: 'Not called', offered: 'Offered', requested: 'Called' }[basis.handoff]],
    basis.reason && ['Reason', reasonWords(basis.reason)],
    sentiment && ['Sentiment', SENTIMENTS[sentiment]],
    temper && ['Frustration', `${percent(frustration)} (${temper.word.toLowerCase()})`],
    scored === false && ['Mood', 'Not scored: the visitor does not want it'],
  ].filter(Boolean);
  return el(
    'details',
    { class: 'decision' },
    el('summary', {}, icon('bot'), el('span', {}, decisionLine(basis, rule)), icon('chevron')),
    el(
      'dl',
      { class: 'facts' },
      facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', { class: 'number' }, value))),
    ),
  );
}

/** "Bot: answered from ‘returns’ · 93 % sure · rule good_answer" */
export function decisionLine(basis, rule) {
  const what = {
    answer: `answered from ‘${basis.faq_id}’`,
    clarify: 'asked which one was meant',
    smalltalk: 'made small talk',
    decline: 'said that it does not know',
    handoff: basis.reason
      ? `called a person (${reasonWords(basis.reason).toLowerCase()})`
      : 'called a person',
  }[basis.decision];
  const sure =
    basis.decision === 'answer' || basis.decision === 'clarify' ? ` · ${percent(basis.confidence)} sure` : '';
  return `Bot: ${what}${sure} · rule ${rule}`;
}

function contactCard({ email, text, at }) {
  return el(
    'article',
    { class: 'contact' },
    el(
      'header',
      { class: 'message-head' },
      icon('mail'),
      el('span', { class: 'message-who' }, 'Left for the desk'),
      stamp(at),
    ),
    el('a', { href: `mailto:${mailAddress(email)}` }, email),
    el('p', { class: 'plain', dir: 'auto' }, text),
  );
}

function systemLine(event, myId) {
  return el('p', { class: 'system' }, el('span', {}, systemWords(event, myId)), ' ', stamp(event.at));
}

const TAKEN = {
  claimed: 'took this chat',
  accepted: 'took this chat over',
  taken_over: 'took this chat over as the owner',
  stepped_in: 'stepped in',
  reopened: 'reopened this chat',
};

function systemWords(event, myId) {
  switch (event.kind) {
    case 'chat_queued':
      return `Waiting for a person: ${reasonWords(event.reason).toLowerCase()}`;
    case 'chat_claimed':
      return `${event.agent_id === myId ? 'You' : event.agent_name} ${TAKEN[event.how] ?? TAKEN.claimed}`;
    case 'offer_ended':
      return event.how === 'declined'
        ? `${event.agent_name} did not take it over`
        : 'The offer was taken back';
    case 'outcome_noted':
      return `Outcome: ${OUTCOMES[event.outcome]?.label.toLowerCase() ?? event.outcome}`;
    case 'chat_released':
      return event.cause === 'agent_vanished'
        ? 'The agent’s connection was lost; waiting again'
        : 'Put back into the queue';
    case 'chat_returned':
      return event.by === 'visitor' ? 'The visitor went back to the bot' : 'Given back to the bot';
    case 'chat_closed':
      return event.by === 'visitor' ? 'The visitor ended the chat' : 'The chat was closed';
    case 'chat_reopened':
      return 'The visitor wrote again; reopened';
    case 'review_asked':
      return `The visitor says that a decision of the bot was wrong${event.words ? `: “${event.words}”` : ''}`;
    case 'review_decided':
      return event.outcome === 'upheld' ? 'Looked at again: the bot was right' : 'Looked at again: the bot was wrong';
    case 'consent_changed':
      return consentWords(event);
    default:
      return event.kind.replaceAll('_', ' ');
  }
}

function consentWords({ chat, sentiment }) {
  if (!chat) return 'The visitor no longer agrees to this chat; nothing more is stored';
  return sentiment ? 'The visitor agrees to the chat' : 'The visitor agrees to the chat, but not to mood scores';
}

function stamp(at) {
  return el('time', { class: 'message-time', datetime: at, title: dateAndTime(at) }, clock(at));
}
