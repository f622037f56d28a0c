// The résumé: the form that it begins with, and the documents that it ends with.

import { $, dayAndTime, fillList, make } from './dom.js';
import { areValid, onSubmit, tooLong } from './fields.js';
import { fillExchanges, renderDialogue } from './interview.js';
import { send } from './requests.js';
import { resumeNow, returnToDialogue, startOver, state } from './state.js';
import { renderProblem } from './status.js';
import { finishedResumes } from './views.js';

export function renderResume() {
  const view = resumeNow();
  const isForm = view.phase === 'form';
  // Before the replay is over nobody knows whether the form belongs here.
  $('resume-form-view').hidden = !isForm || !state.isLive;
  $('resume-done-view').hidden = view.phase !== 'done';
  $('resume-dialogue-view').hidden = isForm || view.phase === 'done';
  if (view.phase !== 'question') $('skip-dialog').close();
  renderFinishedResumes(view);
  if (isForm) {
    $('resume-return').hidden = !view.canReturn;
    $('resume-return').textContent = view.isFinished ? '지난 이력서로 돌아가기' : '하던 대화로 돌아가기';
    renderProblem($('resume-form-problem'), 'resume', view.failure);
  } else if (view.phase === 'done') {
    renderDone(view);
  } else {
    renderDialogue(view);
  }
}

function renderDone({ completed, exchanges }) {
  $('download').href = downloadPath(completed);
  $('degraded').hidden = !completed.value.degraded;
  $('done-dialogue').hidden = exchanges.length === 0;
  fillExchanges($('done-exchanges'), exchanges);
}

const downloadPath = ({ value }) => `documents/${`${value.resumeObjectKey}`.split('/').map(encodeURIComponent).join('/')}`;

/** The finished résumés stay at hand: before the form of a new one, and after everything else. */
function renderFinishedResumes({ phase, completed }) {
  const others = finishedResumes(state.log).filter(({ value }) => value.resumeObjectKey !== completed?.value.resumeObjectKey);
  const [box, panel] = [$('finished'), $('panel-resume')];
  box.hidden = others.length === 0 || !state.isLive;
  if (phase === 'form' && panel.firstElementChild !== box) panel.prepend(box);
  if (phase !== 'form' && panel.lastElementChild !== box) panel.append(box);
  fillList($('finished-list'), others.map((outcome) => ({ version: outcome.place, item: outcome })), finishedResume);
}

function finishedResume(outcome) {
  const time = dayAndTime.format(outcome.timestamp);
  const link = make('a', 'secondary small', '내려받기');
  Object.assign(link, { href: downloadPath(outcome), download: '이력서.docx' });
  link.setAttribute('aria-label', `${time} 이력서 내려받기`);
  return make('li', 'finished', make('span', '', time), link);
}

export function chooseJob() {
  $('other-job-field').hidden = $('preferred_job').value !== 'other';
}

function submitResume() {
  const { elements } = $('resume-form');
  const isOther = $('preferred_job').value === 'other';
  const isEmail = /^[^\s@]+@[^\s@]+$/.test(elements.email.value.trim());
  const isWhole = (field) => /^\d{0,4}$/.test(field.value.trim());
  const isValid = areValid(
    [elements.email, isEmail ? null : '이메일 주소를 name@example.com처럼 써 주세요.'],
    [$('other_job'), isOther && !$('other_job').value.trim() ? '희망 직무를 써 주세요.' : null],
    ...[...$('resume-form').querySelectorAll('[data-whole]')].map((field) => [field, isWhole(field) ? null : '0 이상의 숫자를 써 주세요.']),
    [elements.additional_experiences, tooLong(elements.additional_experiences)],
  );
  if (!isValid) return;
  const inputs = {};
  for (const field of $('resume-form').querySelectorAll('[name]')) {
    const text = field.value.trim();
    inputs[field.name] = 'whole' in field.dataset ? Number(text) : text || null;
  }
  if (isOther) inputs.preferred_job = $('other_job').value.trim();
  send('init', { inputs });
}

export function buildResume() {
  onSubmit($('resume-form'), submitResume);
  $('preferred_job').addEventListener('change', chooseJob);
  $('resume-return').addEventListener('click', returnToDialogue);
  document.querySelectorAll('[data-start-over]').forEach((element) => element.addEventListener('click', startOver));
}
