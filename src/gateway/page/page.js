// The page of `ssammu-worker gateway`. All it knows comes as Kafka records through one EventSource: what is on screen
// is a pure function of the records seen so far, so that a reload, a second tab or a lost connection show the same.
// What a member wrote and what a model said reaches the document as text only.

import { $, announce } from './dom.js';
import { buildEvents, clearEvents, showEvent } from './events.js';
import { buildFeedback, loadQuestion, renderFeedback } from './feedback.js';
import { countCharacters, loadDraft, saveDraft } from './fields.js';
import { buildInterview } from './interview.js';
import { buildMembers } from './member.js';
import { buildResume, chooseJob } from './resume.js';
import { render, renderLive, renderTitle } from './screen.js';
import { changes, noteUnseen, state } from './state.js';
import { inShort, inWords, showElapsed, stepInWords } from './status.js';
import { connect, disconnect, keepConnected, needsStream } from './stream.js';
import { buildTabs } from './tabs.js';

/** What the member had written before a reload. */
function loadForms() {
  document.querySelectorAll('[data-draft]').forEach(loadDraft);
  loadQuestion();
  chooseJob();
}

function becomeMember() {
  clearEvents();
  loadForms();
  render();
  connect();
}

/** Draws what a record changes. Those of the past are drawn together, when all are there. */
function takeIn(record) {
  showEvent(record);
  if (!state.isLive) return;
  if (document.hidden && !record.isRequest) noteUnseen(record.cause, inShort(record));
  renderLive();
  if (!record.isRequest) announce(inWords(record, state.log.progress.get(record.cause)?.text));
}

/** Draws how far a request is. It is not brought into view: whoever reads its beginning is left alone. */
function takeInProgress({ now, before }) {
  if (!state.isLive) return;
  if (document.hidden && now.text) noteUnseen(now.id, '피드백이 오고 있어요');
  render();
  const news = stepInWords(now, before);
  if (news) announce(news);
}

/** Without a fragment of its own, which is the tab's. */
function skipToContent(event) {
  event.preventDefault();
  $('main').focus();
}

/** The second click of a double click does nothing, even where the first was answered in between. */
function ignoreSecondClick(event) {
  if (event.detail < 2 || !event.target.closest('button')) return;
  event.preventDefault();
  event.stopPropagation();
}

function begin() {
  buildMembers();
  buildTabs();
  buildFeedback();
  buildInterview();
  buildResume();
  buildEvents();
  // The answer of the dialogue has its question's draft; the others have one by name.
  document.querySelectorAll('form :is(textarea, input:not([type="radio"]), select):not(#answer)').forEach((field) => { field.dataset.draft = field.id; });
  loadForms();
  document.addEventListener('input', ({ target }) => {
    if (target.dataset.draft) saveDraft(target);
    countCharacters(target);
  });
  document.addEventListener('click', ignoreSecondClick, { capture: true });
  $('skip-link').addEventListener('click', skipToContent);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) state.unseen = [];
    renderTitle();
    keepConnected();
  });
  window.addEventListener('focus', keepConnected);
  // A gateway on this machine is there without a network: trying tells.
  for (const change of ['online', 'offline']) window.addEventListener(change, () => needsStream() && connect());
  changes.addEventListener('member', becomeMember);
  changes.addEventListener('record', ({ detail }) => takeIn(detail));
  changes.addEventListener('progress', ({ detail }) => takeInProgress(detail));
  changes.addEventListener('news', renderLive);
  changes.addEventListener('view', render);
  setInterval(() => {
    document.querySelectorAll('[data-since]').forEach(showElapsed);
    renderFeedback();
    renderTitle();
    if (!needsStream()) disconnect();
  }, 1000);
  render();
  keepConnected();
}

begin();
