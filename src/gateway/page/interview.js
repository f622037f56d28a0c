// The interview: the questions and answers so far, and the form of the next answer.

import { $, fillList, make } from './dom.js';
import { areValid, loadDraft, onSubmit, setFieldError, tooLong } from './fields.js';
import { send } from './requests.js';
import { resumeNow } from './state.js';
import { doing, renderProblem, renderWaiting } from './status.js';

export function renderDialogue({ phase, waitsFor, isLast, pending, progress, current, exchanges, failure }) {
  const asked = current?.questionNumber ?? 0;
  $('progress-text').textContent = current ? `질문 ${asked}/${current.maxQuestions}` : '첫 질문';
  $('progress').max = current?.maxQuestions ?? 1;
  $('progress').value = phase === 'waiting' ? asked : asked - 1;
  fillExchanges($('exchanges'), exchanges);
  $('answer-form').hidden = phase !== 'question';
  if (phase === 'question') renderQuestion(current);
  $('resume-waiting').hidden = phase !== 'waiting';
  if (phase === 'waiting') {
    $('resume-waiting').classList.toggle('long', Boolean(isLast));
    renderWaiting($('resume-waits-for'), doing(progress, waitsFor), pending.timestamp);
  }
  renderWriting(phase === 'waiting' ? progress : null);
  renderProblem($('resume-problem'), 'resume', failure);
}

/** How much of the résumé is written, and which part of it is under way. */
function renderWriting(progress) {
  const percent = progress?.percent;
  $('resume-writing').hidden = percent === undefined;
  if (percent === undefined) return;
  const part = progress.stage === 'STORING' ? '' : progress.section ?? '';
  $('resume-bar').value = percent;
  $('resume-bar').setAttribute('aria-valuetext', part ? `${percent}%, ${part}` : `${percent}%`);
  $('resume-percent').textContent = `${percent}%`;
  $('resume-part').textContent = part;
}

/** Each question has a draft of its own, which is there again after a reload or a failure. */
function renderQuestion({ questionId, question }) {
  const draft = `answer:${questionId}`;
  if ($('answer').dataset.draft === draft) return;
  $('skip-dialog').close();
  $('question').textContent = question;
  $('answer').dataset.draft = draft;
  loadDraft($('answer'));
  setFieldError($('answer'), null);
}

export function fillExchanges(list, exchanges) {
  fillList(list, exchanges.map((exchange) => ({ version: JSON.stringify(exchange), item: exchange })), ({ question, answer }) => {
    const said = answer ? make('p', 'said', answer) : make('p', 'said missing', answer === '' ? '건너뛴 질문' : '답변 기록이 없어요');
    return make('li', 'exchange', make('p', 'asked', question), said);
  });
}

function submitAnswer() {
  const answer = $('answer');
  const fault = answer.value.trim() ? tooLong(answer) : '답변을 쓰거나, 건너뛰기를 눌러 주세요.';
  if (areValid([answer, fault])) sendAnswer(answer.value.trim());
}

function sendAnswer(answer) {
  const { phase, current } = resumeNow();
  if (phase === 'question') send('answer', { answer, questionId: current.questionId });
}

/** Skips the question, but throws nothing away unasked. */
function skipQuestion() {
  if ($('answer').value.trim()) $('skip-dialog').showModal();
  else sendAnswer('');
}

function skipAfterAll() {
  $('skip-dialog').close();
  sendAnswer('');
}

export function buildInterview() {
  onSubmit($('answer-form'), submitAnswer);
  $('answer-skip').addEventListener('click', skipQuestion);
  $('skip-yes').addEventListener('click', skipAfterAll);
  $('skip-no').addEventListener('click', () => $('skip-dialog').close());
}
