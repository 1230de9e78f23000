/** What the machine's codes are called in front of people, and how times and numbers are written. */

const REASONS = {
  asked_for_human: 'Asked for a person',
  frustrated: 'Frustrated',
  stuck: 'Bot was stuck',
  complex: 'Needs a person’s judgement',
  sensitive: 'Sensitive matter',
  abusive: 'Abusive language',
  vulnerable: 'Needs care',
  bot_failure: 'Bot failed',
  stepped_in: 'An agent stepped in',
};

/** A reason in plain words; one that this page does not know yet is shown as it came. */
export function reasonWords(reason) {
  return REASONS[reason] ?? reason.replaceAll('_', ' ');
}

export const DECISIONS = {
  answer: 'Answered',
  clarify: 'Asked which one was meant',
  smalltalk: 'Small talk',
  decline: 'Said that it does not know',
  handoff: 'Handed over to a person',
};

export const SENTIMENTS = { negative: 'Negative', neutral: 'Neutral', positive: 'Positive' };

export const FACTS = {
  order: 'Order',
  email: 'E-mail',
  phone: 'Phone',
  date: 'Date',
  amount: 'Amount',
  reference: 'Reference',
};

export const STATES = { draft: 'Draft', published: 'Published', withdrawn: 'Withdrawn' };

/** Visitors are nameless; the first digits of the conversation's id tell two of them apart. */
export function visitorName(conversationId) {
  return `Visitor ${conversationId.slice(0, 4).toUpperCase()}`;
}

/** 0.934 -> "93 %" */
export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

/** An address for a mailto: link. */
export function mailAddress(email) {
  return encodeURIComponent(email).replaceAll('%40', '@');
}

export function count(n, one, many) {
  return `${n} ${n === 1 ? one : many}`;
}

/** How long since `iso`, for a glance: "<1 min", "4 min", "1 h 05 min", "2 days". */
export function since(iso, now = Date.now()) {
  const minutes = Math.floor(Math.max(0, now - Date.parse(iso)) / 60_000);
  if (minutes < 1) return '<1 min';
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return count(Math.floor(hours / 24), 'day', 'days');
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export const clock = (iso) => CLOCK.format(new Date(iso));
export const dateAndTime = (iso) => WHOLE.format(new Date(iso));

/** "Today", "Yesterday" or the date. */
export function day(iso, now = new Date()) {
  const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const daysAgo = Math.round((midnight(now) - midnight(new Date(iso))) / 86_400_000);
  if (daysAgo === 0) return 'Today';
  if (daysAgo === 1) return 'Yesterday';
  return DAY.format(new Date(iso));
}

/** How heated: 0 calm .. 3 upset, with its word. */
export function heat(frustration) {
  if (frustration === null || frustration === undefined) return null;
  if (frustration >= 0.65) return { level: 3, word: 'Upset' };
  if (frustration >= 0.35) return { level: 2, word: 'Tense' };
  return { level: 1, word: 'Calm' };
}

/** How a chat ended, in the agent's view. */
export const OUTCOMES = {
  solved: { label: 'Solved', hint: 'The visitor has what they needed' },
  unsolved: { label: 'Not solved', hint: 'We could not help this time' },
  no_reply: { label: 'No reply', hint: 'The visitor was gone' },
  abuse: { label: 'Abuse', hint: 'Nothing but abuse or spam' },
};

/** Whether an agent takes chats. */
export const STATUSES = {
  online: { label: 'Online', hint: 'You take chats now' },
  busy: { label: 'Busy', hint: 'You are here and take no new chats' },
  away: { label: 'Away', hint: 'You take no new chats; those you hold stay with you' },
  break: { label: 'Break', hint: 'A rest: no new chats, and the count of heated ones starts anew' },
};

/** What gives a case a head start in the queue. */
export const WHY_FIRST = {
  danger: 'may be in danger or distress',
  frustration: 'is frustrated',
  sensitive: 'it is a sensitive matter',
  put_back: 'was helped and had to wait again',
};

/** Why a chat is suggested to this agent, or none is. */
export const SUGGESTED = {
  first: 'First in the queue',
  calm_next: 'The next calm one: a colleague had fewer heated chats, or you had several in a row',
  only_heated: 'Heated; nobody had fewer today',
  rest: 'Only heated chats wait, and you had several in a row. Take a short break, or choose one by hand.',
  nobody_waits: '',
};
