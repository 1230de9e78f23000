/** The frame of a staff page: who are you, the top bar, and back to the sign-in form when the session ends. */

import { el, fill } from './dom.js';
import { icon, mark } from './icons.js';
import { menu } from './menu.js';
import { Session, takeFromFragment } from './session.js';
import { passwordDialog, signInForm } from './signin.js';
import { toast } from './toast.js';

/**
 * Run a page for a signed-in person. A person whose session ends gets the sign-in form; the page waits hidden
 * behind it, so that text which was being written is still there for the same person afterwards.
 * @param {{page: 'desk'|'owner', open: (session: Session, signedOut: () => void) => Shell}} options `open` builds
 *   the page once somebody is signed in
 * @typedef {{main: HTMLElement, tools?: Node[], resume?: () => void, stop?: () => void}} Shell
 */
export async function runPage({ page, open }) {
  const session = new Session();
  const front = el('div', { id: 'front' });
  const back = el('div', { id: 'back' });
  document.getElementById('page').replaceWith(front, back);

  let shell = null;
  let builtFor = null;

  const enter = () => {
    if (shell && builtFor !== session.me.id) return location.reload();
    fill(front);
    back.hidden = false;
    if (shell) return shell.resume?.();
    builtFor = session.me.id;
    shell = open(session, () =>
      askToSignIn('You are signed out. Sign in to go on; what you were writing is kept.'),
    );
    fill(back, topBar(session, page, shell.tools ?? [], leave), shell.main);
    return undefined;
  };
  const askToSignIn = (notice) => {
    if (front.hasChildNodes()) return;
    shell?.stop?.();
    back.hidden = true;
    fill(front, signInForm(session, { notice, onSignedIn: enter }));
    front.querySelector('input').focus();
  };
  const leave = async () => {
    shell?.stop?.();
    await session.signOut().catch(() => {});
    location.reload();
  };

  session.onSignedOut = () =>
    askToSignIn('You are signed out. Sign in to go on; what you were writing is kept.');
  const refusal = await signInByFragment(session);
  try {
    if (!session.me) await session.restore();
  } catch (problem) {
    return askToSignIn(problem.message);
  }
  if (!session.me) return askToSignIn(refusal);
  enter();
  if (refusal) toast(refusal, { kind: 'bad' });
  return undefined;
}

/** @returns {Promise<string>} why the link was refused, or nothing */
async function signInByFragment(session) {
  const token = takeFromFragment('link');
  if (token === null) return '';
  try {
    await session.signInByLink(token);
    return '';
  } catch (problem) {
    return problem.message;
  }
}

function topBar(session, page, tools, leave) {
  const { me } = session;
  const tab = (name, href, label) =>
    el('a', { href, class: 'tab', 'aria-current': page === name ? 'page' : null }, label);
  return el(
    'header',
    { class: 'topbar' },
    el('a', { class: 'brand', href: '/desk' }, mark(), el('span', {}, 'Warmline')),
    el(
      'nav',
      { class: 'tabs', 'aria-label': 'Pages' },
      tab('desk', '/desk', 'Desk'),
      me.role === 'owner' && tab('owner', '/owner', 'FAQ'),
    ),
    el(
      'div',
      { class: 'topbar-tools' },
      tools,
      menu(
        [
          el('span', { class: 'avatar', 'aria-hidden': 'true' }, initials(me.name)),
          el('span', { class: 'me-name' }, me.name),
        ],
        [
          el(
            'p',
            { class: 'menu-note' },
            el('strong', {}, me.name),
            el('br'),
            me.email,
            el('br'),
            me.role === 'owner' ? 'Owner' : 'Agent',
          ),
          el(
            'button',
            { type: 'button', onclick: () => passwordDialog(session) },
            icon('person'),
            'Set my password…',
          ),
          el('button', { type: 'button', onclick: leave }, icon('leave'), 'Sign out'),
        ],
        { className: 'topbar-button' },
      ),
    ),
  );
}

function initials(name) {
  const words = name.trim().split(/\s+/);
  return (words[0]?.[0] ?? '?') + (words.length > 1 ? words.at(-1)[0] : '');
}
