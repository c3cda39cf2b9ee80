// On every page: theme, language, copying, tabs of code, folded parts that a link leads into.

import { announce, copyButton, h, remember, remembered, say } from './dom.js';

const html = document.documentElement;
const dark = matchMedia('(prefers-color-scheme: dark)');
const isDark = () =>
  html.dataset.theme === 'dark' || (html.dataset.theme !== 'light' && dark.matches);

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

/** The language of the code that was chosen last. */
function samples(box) {
  const radios = [...box.querySelectorAll('input[type="radio"]')];
  const last = remembered('localStorage', 'sample');
  for (const radio of radios) {
    if (radio.value === last) radio.checked = true;
    radio.addEventListener('change', () => remember('localStorage', 'sample', radio.value));
  }
}

function copyable(element) {
  const button = copyButton(() => element.textContent);
  if (element.tagName !== 'PRE') return element.after(button);
  const frame = h('div.copyable');
  element.replaceWith(frame);
  return frame.append(element, button);
}

/** Opens what is folded around the place that the address names. */
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
  target.scrollIntoView();
}

document.querySelectorAll('[data-theme-switch]').forEach(themeButton);
document.querySelectorAll('a.language').forEach(languageLink);
document.querySelectorAll('.tabs[role="group"]').forEach(samples);
document.querySelectorAll('[data-copy]').forEach(copyable);
document.querySelector('.side [aria-current]')?.scrollIntoView({ block: 'nearest' });
addEventListener('hashchange', reveal);
if (location.hash) reveal();
