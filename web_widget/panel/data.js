/** "Your data": what is stored about this visitor and why, and every way to change, take or erase it. */

import { download, el, icon, textButton } from './dom.js';
import { moment, problem, t } from './words.js';

export class DataView {
  /** @param {() => void} onLeave back to the conversation */
  constructor(chat, onLeave) {
    this.chat = chat;
    this.onLeave = onLeave;
    this.title = el('h3', { tabindex: '-1' });
    this.body = el('div.sheet-body');
    const back = el('button.icon', { type: 'button', 'aria-label': t('back'), click: () => this.leave() }, icon('back'));
    this.node = el('div.sheet', { role: 'region', 'aria-label': t('yourData') }, el('div.sheet-head', {}, back, this.title), this.body);
  }

  leave() {
    this.erasing?.(null);
    this.onLeave();
  }

  async overview() {
    this.#page(t('yourData'), el('p.quiet', { role: 'status' }, t('loading')));
    const data = this.chat.token ? await this.#stored() : null;
    if (data === undefined) return;
    const given = data?.consents.at(-1);
    if (given) this.chat.learn(given.purposes);
    this.body.replaceChildren(...this.#whatIsStored(data), ...this.#choices());
    if (data) this.body.append(...this.#email(data), ...this.#takeAway(), ...this.#stop());
  }

  /** Saves the visitor's data as a file. */
  export(format) {
    const isPage = format === 'html';
    return this.#attempt(async () => {
      const answer = await this.chat.request('GET', isPage ? 'data?format=html' : 'data');
      download(`my-chat.${isPage ? 'html' : 'json'}`, await answer.blob());
    });
  }

  /** @returns {Promise<object | null>} the receipt; null: the visitor thought better of it */
  confirmErasing() {
    const erase = textButton(t('erase'), () => this.#erase(erase), 'danger');
    this.#page(
      t('eraseSure'),
      el('p', {}, t('eraseWarn')),
      el('div.buttons', {}, erase, textButton(t('keep'), () => this.#keep(), 'secondary')),
    );
    return new Promise((resolve) => {
      this.erasing = (receipt) => {
        this.erasing = null;
        resolve(receipt);
      };
    });
  }

  // --- pages ---

  #page(title, ...nodes) {
    this.title.textContent = title;
    this.body.replaceChildren(...nodes);
    this.body.scrollTop = 0;
    this.title.focus();
  }

  #keep() {
    this.erasing?.(null);
    this.overview();
  }

  async #erase(button) {
    button.disabled = true;
    const receipt = await this.#attempt(() => this.chat.erase());
    button.disabled = false;
    if (!receipt) return button.focus();
    this.#page(t('erased'), ...this.#erased(receipt));
    this.erasing?.(receipt);
  }

  #erased(receipt) {
    const messages = receipt.counts?.messages;
    return [
      el('p', {}, messages === undefined ? '' : t('messages', { count: messages })),
      el('p', { lang: 'en', dir: 'auto' }, receipt.backups ?? ''),
      receiptNode(receipt),
      textButton(t('back'), () => this.leave(), 'secondary'),
    ].filter((node) => node.textContent);
  }

  /** undefined: it could not be had, which is said. */
  async #stored() {
    try {
      return await (await this.chat.request('GET', 'data')).json();
    } catch (error) {
      if (!error.code) throw error;
      const retry = textButton(t('retry'), () => this.overview(), 'secondary');
      this.body.replaceChildren(el('p.error', { role: 'alert' }, t('failed', { message: problem(error) })), retry);
      return undefined;
    }
  }

  #whatIsStored(data) {
    const { choices } = this.chat;
    const count = data?.conversations.reduce((sum, { messages }) => sum + messages.length, 0);
    const items = [
      count ? `${t('storedMessages')} (${t('messages', { count })})` : t('storedMessages'),
      t('storedWhy'),
      choices.sentiment && t('storedMood'),
      t('storedEmail'),
      t(choices.remember ? 'storedLasting' : 'storedHere'),
    ];
    const list = el('ul', {}, ...items.filter(Boolean).map((item) => el('li', {}, item)));
    return [el('p', {}, t(data ? 'dataIntro' : 'dataNone')), list];
  }

  #choices() {
    return [el('h4', {}, t('choices')), this.#choice('sentiment'), this.#choice('remember')];
  }

  #choice(purpose) {
    const box = el('input', { type: 'checkbox', 'aria-describedby': `${purpose}-hint` });
    box.checked = this.chat.choices[purpose];
    const outcome = el('div.outcome', { role: 'status' });
    box.addEventListener('change', async () => {
      box.disabled = true;
      const done = await this.#told(outcome, () => this.chat.consent({ [purpose]: box.checked }));
      box.disabled = false;
      if (!done) box.checked = !box.checked;
      box.focus();
    });
    const hint = el('p.quiet', { id: `${purpose}-hint` }, t(`${purpose}Hint`));
    return el('div.choice', {}, el('label', {}, box, el('span', {}, t(purpose))), hint, outcome);
  }

  #email(data) {
    const input = el('input', { type: 'email', maxlength: '320', autocomplete: 'email', dir: 'ltr', required: true });
    input.value = data.email ?? '';
    const outcome = el('div.outcome', { role: 'status' });
    const change = async (email) => {
      const done = await this.#told(outcome, async () => {
        const answer = await this.chat.request('PATCH', 'data', { email });
        return (await answer.json()).receipt;
      });
      if (!done) return;
      input.value = email ?? '';
      remove.hidden = !email;
    };
    const remove = textButton(t('removeEmail'), () => change(null), 'secondary');
    remove.hidden = !data.email;
    const submit = (event) => {
      event.preventDefault();
      change(input.value.trim());
    };
    const save = el('button.secondary', {}, t('save'));
    return [
      el('h4', {}, t('email')),
      el('form', { submit }, el('label', {}, el('span.aside', {}, t('email')), input), el('div.buttons', {}, save, remove)),
      outcome,
    ];
  }

  #takeAway() {
    return [
      el('h4', {}, t('takeAway')),
      el(
        'div.buttons',
        {},
        textButton(t('exportPage'), () => this.export('html'), 'secondary'),
        textButton(t('exportJson'), () => this.export('json'), 'secondary'),
      ),
    ];
  }

  #stop() {
    const { withdrawn } = this.chat;
    const outcome = el('div.outcome', { role: 'status' });
    const change = async () => {
      toggle.disabled = true;
      await this.#told(outcome, () => this.chat.consent({ chat: this.chat.withdrawn }));
      toggle.disabled = false;
      toggle.focus();
      toggle.textContent = t(this.chat.withdrawn ? 'agree' : 'withdraw');
    };
    const toggle = textButton(t(withdrawn ? 'agree' : 'withdraw'), change, 'secondary');
    return [
      el('h4', {}, t('stop')),
      el('p.quiet', {}, t('withdrawHint')),
      toggle,
      outcome,
      el('p.quiet', {}, t('eraseHint')),
      textButton(t('erase'), () => this.confirmErasing(), 'danger'),
    ];
  }

  // --- asking the server ---

  /** @returns {Promise<boolean>} did it work? Either is said in `outcome`. */
  async #told(outcome, action) {
    try {
      const receipt = await action();
      outcome.replaceChildren(el('p', {}, t('saved')), ...(receipt ? [receiptNode(receipt)] : []));
      return true;
    } catch (error) {
      if (!error.code) throw error;
      outcome.replaceChildren(el('p.error', {}, t('failed', { message: problem(error) })));
      return false;
    }
  }

  /** The result, or null, with the reason at the end of the page. */
  async #attempt(action) {
    this.body.querySelector(':scope > .error')?.remove();
    try {
      return await action();
    } catch (error) {
      if (!error.code) throw error;
      this.body.append(el('p.error', { role: 'alert' }, t('failed', { message: problem(error) })));
      return null;
    }
  }
}

function receiptNode(receipt) {
  const save = () => {
    const text = JSON.stringify(receipt, null, 2);
    download(`receipt-${receipt.id}.json`, new Blob([text], { type: 'application/json' }));
  };
  const words = t('receipt', { id: String(receipt.id).slice(0, 8), date: moment(receipt.at) });
  return el('p.receipt', {}, `${words} `, textButton(t('saveReceipt'), save));
}
