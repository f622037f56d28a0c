// What is on screen as a whole: its parts, the focus between them, and the title of the tab.

import { $ } from './dom.js';
import { renderFeedback } from './feedback.js';
import { renderResume } from './resume.js';
import { isBusy, resumeNow, state } from './state.js';

const TITLE = document.title;
/** The icon, and the same with a dot. */
const ICON = document.querySelector('link[rel="icon"]').href;
const ICON_WITH_NEWS = ICON.replace('%3C/svg', "%3Ccircle cx='25' cy='7' r='7' fill='%23c8432b'/%3E%3C/svg");

export function render() {
  const active = document.activeElement;
  const panel = active.closest('[role="tabpanel"]');
  renderFeedback();
  renderResume();
  renderTitle();
  // Whoever worked here by keyboard goes on from what took the place of the element that is gone.
  if (panel && !active.checkVisibility()) {
    const next = ['answer', 'resume-waiting', 'done-title', 'email', 'feedback-results-title'].map($);
    next.find((element) => panel.contains(element) && element.checkVisibility())?.focus();
  }
}

/** Renders what has just happened, and brings into view what it put on the screen. The past moves nothing. */
export function renderLive() {
  const shown = () => {
    const parts = document.querySelectorAll('#feedback-list > :first-child, #answer-form, #resume-waiting, .done, .problem');
    return new Map([...parts].filter((part) => part.checkVisibility()).map((part) => [part, part.dataset.outcome]));
  };
  const before = shown();
  render();
  const isNew = ([part, outcome]) => !before.has(part) || before.get(part) !== outcome;
  [...shown()].filter(isNew).forEach(([part]) => part.scrollIntoView({ block: 'nearest' }));
}

/** What is waited for, or what came while nobody looked. */
export function renderTitle() {
  const { unseen } = state;
  const { waitsFor, progress } = resumeNow();
  const percent = progress?.percent === undefined ? '' : ` ${progress.percent}%`;
  const awaited = waitsFor ? `${waitsFor}${percent}` : isBusy('feedback') ? '피드백을 쓰고 있어요' : null;
  const news = unseen.length > 0 ? `(${unseen.length}) ${unseen.at(-1).text}` : awaited;
  const title = news ? `${news} · CareerBee` : TITLE;
  if (document.title === title) return;
  document.title = title;
  document.querySelector('link[rel="icon"]').href = unseen.length > 0 ? ICON_WITH_NEWS : ICON;
}
