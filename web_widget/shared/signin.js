/** The sign-in form of both pages, and setting one's own password. */

import { el, fill, setText } from './dom.js';
import { mark } from './icons.js';
import { openDialog } from './dialog.js';
import { toast } from './toast.js';

const SHORTEST_PASSWORD = 12;

/**
 * @param {import('./session.js').Session} session
 * @param {{notice?: string, onSignedIn: () => void}} options `notice` says why one must sign in
 */
export function signInForm(session, { notice = '', onSignedIn }) {
  const email = field('E-mail', { type: 'email', name: 'email', autocomplete: 'username', required: true });
  const password = field('Password', {
    type: 'password',
    name: 'password',
    autocomplete: 'current-password',
    required: true,
  });
  const error = el('p', { class: 'note bad', role: 'alert', hidden: !notice }, notice);
  const button = el('button', { type: 'submit', class: 'button primary block' }, 'Sign in');

  const submit = async (event) => {
    event.preventDefault();
    error.hidden = true;
    busy(button, true, 'Signing in…');
    try {
      await session.signIn(email.input.value, password.input.value);
      onSignedIn();
    } catch (problem) {
      setText(error, problem.message);
      error.hidden = false;
      password.input.select();
    } finally {
      busy(button, false, 'Sign in');
    }
  };

  return el(
    'main',
    { class: 'signin' },
    el(
      'form',
      { class: 'signin-card', onsubmit: submit, 'aria-labelledby': 'signin-title' },
      el('div', { class: 'signin-brand' }, mark(), 'Warmline'),
      el('h1', { id: 'signin-title' }, 'Sign in'),
      el('p', { class: 'quiet-text' }, 'For the people who answer here. Visitors need no account.'),
      error,
      email.box,
      password.box,
      button,
      el(
        'p',
        { class: 'quiet-text small-text' },
        'First time here, or password lost? An owner can make you a one-time sign-in link.',
      ),
    ),
  );
}

/** Let the person set a password, e.g. after a first sign-in by link. */
export function passwordDialog(session) {
  const password = field(
    'New password',
    {
      type: 'password',
      name: 'new-password',
      autocomplete: 'new-password',
      minlength: SHORTEST_PASSWORD,
      required: true,
    },
    `At least ${SHORTEST_PASSWORD} characters; a few words in a row are good.`,
  );
  const error = el('p', { class: 'note bad', role: 'alert', hidden: true });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await session.request('POST', '/session/password', { json: { password: password.input.value } });
      dialog.close();
      toast('Your password is set. It works from the next sign-in on.');
    } catch (problem) {
      setText(error, problem.message);
      error.hidden = false;
    }
  };
  const dialog = openDialog('Set your password', [
    el(
      'form',
      { class: 'stack', onsubmit: submit },
      error,
      password.box,
      el(
        'div',
        { class: 'actions end' },
        el('button', { type: 'submit', class: 'button primary' }, 'Set password'),
      ),
    ),
  ]);
}

/** A labelled input with an optional hint. */
export function field(label, attributes, hint = '') {
  const id = `field-${attributes.name}`;
  const input = el('input', {
    id,
    class: 'input',
    'aria-describedby': hint ? `${id}-hint` : null,
    ...attributes,
  });
  const box = el(
    'div',
    { class: 'field' },
    el('label', { for: id }, label),
    input,
    hint && el('p', { class: 'hint', id: `${id}-hint` }, hint),
  );
  return { box, input };
}

/** Show that a button is at work; it keeps its focus. */
export function busy(button, isBusy, text) {
  button.setAttribute('aria-disabled', String(isBusy));
  fill(button, isBusy && el('span', { class: 'spinner', 'aria-hidden': 'true' }), text);
}
