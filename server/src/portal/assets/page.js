// On every page: theme, language, copying, tabs of code, folded parts that a link leads into.

import { announce, copyButton, h, remember, remembered, say, tabs } from './dom.js';

const html = document.documentElement;
const dark = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (html.dataset.theme || (dark.matches ? 'dark' : 'light')) === 'dark';

function themeButton(button) {
  const show = () => {
    button.textContent = say(isDark() ? 'to-light' : 'to-dark');
    button.hidden = false;
  };
  button.addEventListener('click', () => {
    html.dataset.theme = isDark() ? 'light' : 'dark';
    try {
      localStorage.setItem('platen.theme', html.dataset.theme);
    } catch {
      // It holds for this page.
    }
    show();
    announce(say(isDark() ? 'is-dark' : 'is-light'));
  });
  dark.addEventListener('change', show);
  show();
}

/** The same place of the page in the other language. */
function languageLink(link) {
  link.addEventListener('click', () => {
    link.hash = location.hash;
  });
}

function samples(box) {
  const sections = [...box.querySelectorAll(':scope > .sample')];
  if (sections.length < 2) return;
  const entries = sections.map((panel) => ({ label: panel.dataset.label, panel }));
  const last = entries.findIndex(({ label }) => label === remembered('localStorage', 'sample'));
  for (const { panel } of entries) panel.querySelector('h3')?.classList.add('visually-hidden');
  const keep = (label) => remember('localStorage', 'sample', label);
  box.prepend(tabs(say('language-of-code'), entries, last, keep));
}

function codeBlocks() {
  for (const figure of document.querySelectorAll('figure.code-block')) {
    const code = figure.querySelector('pre');
    const caption = figure.querySelector('figcaption') ?? figure.insertBefore(h('figcaption'), code);
    caption.append(copyButton(() => code.textContent, `${say('copy')}: ${caption.textContent}`));
  }
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.replaceWith(copyButton(() => button.dataset.copy, button.getAttribute('aria-label')));
  }
}

/** Opens what is folded around the place that the address names. */
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) {
    if (at.tagName === 'DETAILS') at.open = true;
    if (at.getAttribute('role') === 'tabpanel') {
      document.getElementById(at.getAttribute('aria-labelledby'))?.click();
    }
  }
  target.scrollIntoView();
}

document.querySelectorAll('[data-theme-button]').forEach(themeButton);
document.querySelectorAll('[data-language]').forEach(languageLink);
document.querySelectorAll('[data-tabs]').forEach(samples);
codeBlocks();
document.querySelector('.side [aria-current]')?.scrollIntoView({ block: 'nearest' });
addEventListener('hashchange', reveal);
if (location.hash) reveal();
