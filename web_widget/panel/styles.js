/** The panel's looks; its colours are those of the launcher's sheet. */

export const STYLES = `
button, input, textarea { font: inherit; color: inherit; border: 1px solid transparent; border-radius: 12px; background: none; }
button, summary { cursor: pointer; padding: 0; }
:disabled, [aria-disabled=true] { cursor: default; }
h2, h3, h4 { font-size: 1em; line-height: 1.3; }
p, h2, .text, li, blockquote { overflow-wrap: anywhere; }
p:not(.who), h3, h4, button, summary { unicode-bidi: plaintext; }
.face { border-radius: 12px; }
.face, .icon, .send { display: grid; place-items: center; flex: none; width: 36px; height: 36px; }
.launcher, .face, .send, .primary, [data-sender=visitor] > .text { background: var(--accent); color: var(--on-accent); }
[dir=rtl] .icon-back { transform: scaleX(-1); }
[data-holder=agent] .face, .launcher { border-radius: 50%; }
.panel {
  display: flex; flex-direction: column; width: 384px; height: min(640px, 100dvh - 2 * var(--gap) - 68px);
  margin-bottom: 12px; overflow: hidden; border: 1px solid var(--line); border-radius: var(--warmline-radius, 18px); outline: 0;
  background: var(--surface); box-shadow: 0 6px 24px #0004; animation: rise .18s;
}
@keyframes rise { from { opacity: 0; transform: translateY(10px); } }

header { display: flex; align-items: center; gap: 10px; padding: 12px; position: relative; border-bottom: 1px solid var(--line); }
.title { flex: 1; min-width: 0; }
.who, .link, .notice, .limit, .why, .writing, .error, .intro, .quiet, .outcome, [data-sender=system] { font-size: 13px; }
.who, .icon, .from, .meta, .why, .writing, .limit, .intro, .quiet, [data-sender=system] { color: var(--muted); }
.menu { position: absolute; z-index: 1; inset-inline-end: 12px; padding: 6px; border: 1px solid var(--line); border-radius: 14px; background: var(--surface); box-shadow: 0 6px 24px #0004; }
.menu .link { display: block; width: 100%; padding: 8px 14px; text-align: start; text-decoration: none; font-size: 14px; color: var(--ink); }
.menu .link:not(:disabled):hover { background: var(--canvas); }

.strip { padding: 10px 16px; background: var(--human); font-size: 14px; }
.scroll, .sheet-body { flex: 1; min-height: 0; overflow-y: auto; overscroll-behavior: contain; padding: 16px; position: relative; }
.scroll { background: var(--canvas); }
.scroll:focus-visible { outline-offset: -3px; }
.intro { margin-bottom: 18px; text-align: center; }
.links { display: flex; flex-wrap: wrap; justify-content: center; gap: 0 16px; }
.links .link { display: flex; align-items: center; }
.msg { display: flex; flex-direction: column; align-items: flex-start; margin-bottom: 16px; }
.from { display: flex; align-items: center; gap: 5px; margin-bottom: 4px; }
.from, .meta { font-size: 12px; }
.kind, b { font-weight: 600; }
b::after { content: ' ·'; }
.text { max-width: 88%; padding: 9px 13px; border: 1px solid var(--line); border-radius: 14px; background: var(--surface); }
[data-sender=agent] > .text { background: var(--human); }
[data-sender=visitor] { align-items: flex-end; }
[data-sender=visitor] > .text, [data-sender=agent] > .text { white-space: pre-wrap; }
[data-sender=system] { align-items: center; text-align: center; }
[data-sender=system] > * { margin: 0; padding: 0; border: 0; background: none; }
.text > * + * { margin-top: .55em; }
ul, ol { padding-inline-start: 1.3em; }
code { font-family: ui-monospace, monospace; }
.link { text-decoration: underline; min-height: 24px; }
a, .link { color: var(--link); }
.meta { text-align: end; }
.meta .link { margin-inline-start: 8px; }
.choices { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
.choices .link { padding: 7px 13px; border-color: currentColor; border-radius: 18px; text-decoration: none; font-size: 14px; text-align: start; }
.link:disabled { color: var(--muted); opacity: .7; }
summary { display: flex; align-items: center; text-decoration: underline; min-height: 24px; }
.why { max-width: 100%; }
.why[open] { align-self: stretch; }
.reasons { display: grid; gap: 8px; margin-top: 4px; padding: 10px 13px; border-inline-start: 2px solid var(--line); }
blockquote { margin: 0; padding-inline-start: 10px; border-inline-start: 2px solid var(--link); color: var(--ink); }

.card { padding: 14px; border: 1px solid var(--line); border-radius: 14px; background: var(--surface); font-size: 14px; }
label { display: block; margin-block: 10px; }
input, .card textarea, .review textarea { width: 100%; padding: 8px 11px; border-color: var(--muted); margin-top: 4px; resize: vertical; font-size: 16px; background: var(--surface); color: var(--ink); }
.primary { width: 100%; padding: 11px; }
.secondary, .danger { padding: 9px 14px; border-color: var(--muted); font-size: 14px; text-align: start; }
.danger { border-color: currentColor; color: var(--bad); }
.buttons { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; }
.buttons .primary { width: auto; padding: 9px 14px; }

.sheet { display: none; flex: 1; flex-direction: column; min-height: 0; }
.sheeted > .sheet { display: flex; }
.sheeted > :is(.strip, .scroll, .foot) { display: none; }
.sheet-head { display: flex; align-items: center; gap: 6px; padding: 8px 12px 0; }
.sheet h3 { flex: 1; outline: 0; font-size: 16px; }
.sheet h4 { margin-top: 12px; padding-top: 14px; border-top: 1px solid var(--line); }
.sheet-body { display: flex; flex-direction: column; align-items: flex-start; gap: 10px; font-size: 14px; }
.sheet-body > * { flex: none; max-width: 100%; }
.sheet-body > :is(h4, form, .choice, .outcome) { width: 100%; }
.sheet-body > :is(.outcome:empty) { display: none; }
.sheet-body > ul { display: grid; gap: 6px; }
.sheet label { margin-block: 0 8px; }
.choice label { display: flex; gap: 10px; align-items: center; margin: 0; }
.choice input { flex: none; width: 20px; height: 20px; margin: 0; padding: 0; accent-color: var(--link); }
.choice > :not(label) { padding-inline-start: 30px; }
.receipt { color: var(--muted); }

.foot { padding: 10px 12px 12px; border-top: 1px solid var(--line); }
.notice { display: flex; gap: 12px; justify-content: space-between; padding-bottom: 8px; }
.notice, .error, .troubled .meta { color: var(--bad); }
.notice .link { flex: none; }
.withdrawn { display: grid; gap: 10px; justify-items: start; padding: 4px; font-size: 14px; }
.person { display: flex; align-items: center; gap: 7px; margin-bottom: 8px; padding: 5px 13px 5px 10px; border-color: var(--line); border-radius: 22px; font-size: 14px; font-weight: 600; text-align: start; color: var(--link); }
.person[aria-disabled=true] { color: var(--muted); border-color: var(--line); }
.box { display: flex; align-items: flex-end; padding: 4px; border: 1px solid var(--muted); border-radius: 16px; }
.box:focus-within { outline: 2px solid var(--link); outline-offset: -1px; }
.box textarea { flex: 1; min-width: 0; max-height: 128px; padding: 6px 9px; outline: 0; resize: none; font-size: 16px; }
::placeholder { color: var(--muted); opacity: 1; }
.aside { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }

@media (max-width: 480px), (max-height: 480px) {
  .open .launcher { display: none; }
  .panel {
    position: fixed; inset: 0; top: var(--top, 0); width: auto; height: var(--height, 100dvh); margin: 0; border: 0; border-radius: 0; overflow-y: auto;
    padding: env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left);
  }
  .scroll { min-height: 90px; }
  .icon, .send { width: 44px; height: 44px; }
  .link, .person, .secondary, .danger, .primary, summary, .choice label { min-height: 44px; }
  .box textarea { padding-block: 10px; }
}
@media (forced-colors: active) {
  .text, .launcher, .face, .send, .primary { border: 1px solid; }
}
`;
