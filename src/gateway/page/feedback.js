// Feedback: its form, and the letters that came.

import { $, clock, fillList, make, sayOn, seconds } from './dom.js';
import { areValid, onSubmit, tooLong } from './fields.js';
import { send } from './requests.js';
import { isBusy, state } from './state.js';
import { actionsAfter, doing, fillProblem, renderProblem, renderWaiting } from './status.js';
import { feedbackView } from './views.js';

const QUESTIONS = [
  'TCP와 UDP의 차이점은?',
  '트랜잭션의 ACID를 설명해 주세요.',
  '가비지 컬렉션은 어떻게 동작하나요?',
  '프로세스와 스레드는 무엇이 다른가요?',
  'LSTM은 RNN의 어떤 문제를 풀었나요?',
];
const questionKey = () => `draft:${state.member}:question`;

function renderSendButton(button, isBusyNow, text) {
  button.setAttribute('aria-disabled', isBusyNow);
  button.textContent = text;
}

export function renderFeedback() {
  const busy = isBusy('feedback');
  renderSendButton($('feedback-send'), busy, busy ? '피드백을 쓰는 중…' : '피드백 받기');
  renderProblem($('feedback-problem'), 'feedback', null);
  const entries = feedbackView(state.log);
  $('feedback-results').hidden = entries.length === 0;
  fillList($('feedback-list'), entries.map((entry) => ({ version: entry.request.id, item: entry })), feedbackCard);
  [...$('feedback-list').children].forEach((card, index) => renderCard(card, entries[index]));
}

/** A letter stays where it is from the question to the last sentence: what is read already does not move. */
function feedbackCard({ request }) {
  const { question, answer } = request.value;
  const own = make('details', 'own', make('summary', '', '내가 쓴 답변'), make('p', '', `${answer}`));
  return make('li', 'card letter', make('h4', 'letter-question', `${question}`), make('div', 'letter-body'), make('div', 'letter-foot', own));
}

function renderCard(card, { request, outcome, failure, progress }) {
  const version = `${outcome?.place} ${progress?.sequence}`;
  if (card.dataset.shown === version) return;
  card.dataset.shown = version;
  const [, body, foot] = card.children;
  if (!outcome) {
    renderDraft(body, request, progress);
    return;
  }
  card.dataset.outcome = outcome.place;
  if (failure) {
    const problem = make('div', 'problem');
    fillProblem(problem, failure, actionsAfter(failure));
    body.replaceChildren(problem);
    body.classList.remove('being-written');
  } else {
    renderLetter(body, `${outcome.value.feedback}`);
  }
  const took = outcome.tookMs === undefined ? '' : ` · ${seconds(outcome.tookMs)} 걸림`;
  foot.querySelector('.meta')?.remove();
  foot.append(make('p', 'meta', `${clock.format(outcome.timestamp)}${took}`));
}

/** What has been written so far, and what is done now; below it is room for what is yet to come. */
function renderDraft(body, request, progress) {
  if (!body.querySelector('.waiting')) {
    body.classList.add('being-written');
    body.replaceChildren(make('p', 'letter-draft'), make('p', 'waiting'));
  }
  const [draft, below] = body.children;
  sayOn(draft, progress?.text ?? '');
  const usually = progress?.text ? '이어서 쓰고 있어요' : '면접관이 답변을 읽고 있어요';
  renderWaiting(below, doing(progress, usually), request.timestamp);
}

/** The whole text, in the place of what was written so far. */
function renderLetter(body, text) {
  const letter = body.querySelector('.letter-draft, .letter-text') ?? make('p', '');
  letter.className = 'letter-text';
  sayOn(letter, text);
  body.replaceChildren(letter);
}

function chooseQuestion() {
  const chosen = document.querySelector('input[name="question"]:checked').value;
  $('own-question-field').hidden = chosen !== 'own';
  $('chosen-question').hidden = chosen === 'own';
  $('chosen-question').textContent = chosen;
}

function submitFeedback() {
  const [own, answer] = [$('own-question'), $('feedback-answer')];
  const isOwn = !$('own-question-field').hidden;
  const isValid = areValid(
    [own, isOwn ? (own.value.trim() ? tooLong(own) : '질문을 써 주세요.') : null],
    [answer, answer.value.trim() ? tooLong(answer) : '답변을 써 주세요.'],
  );
  const question = isOwn ? own.value.trim() : $('chosen-question').textContent;
  if (isValid) send('feedback', { question, answer: answer.value.trim() });
}

/** The question that the member had chosen before a reload. */
export function loadQuestion() {
  const question = sessionStorage.getItem(questionKey());
  const radios = [...document.querySelectorAll('input[name="question"]')];
  (radios.find(({ value }) => value === question) ?? radios[0]).checked = true;
  chooseQuestion();
}

export function buildFeedback() {
  const choices = [...QUESTIONS.map((question) => [question, question]), ['own', '직접 쓰기']];
  choices.forEach(([value, text]) => {
    const radio = make('input', 'unseen');
    Object.assign(radio, { type: 'radio', name: 'question', value });
    $('questions').append(make('label', 'chip', radio, make('span', '', text)));
  });
  $('questions').addEventListener('change', ({ target }) => {
    sessionStorage.setItem(questionKey(), target.value);
    chooseQuestion();
  });
  onSubmit($('feedback-form'), submitFeedback);
}
