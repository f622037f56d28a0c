// Feedback: its form, and the letters that came.

import { $, clock, fillList, make, seconds } from './dom.js';
import { areValid, onSubmit, tooLong } from './fields.js';
import { send } from './requests.js';
import { isBusy, state } from './state.js';
import { actionsAfter, fillProblem, renderProblem, waiting } from './status.js';
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
  const items = feedbackView(state.log).map((entry) => ({ version: `${entry.request.id} ${entry.outcome?.place}`, item: entry }));
  $('feedback-results').hidden = items.length === 0;
  fillList($('feedback-list'), items, feedbackCard);
}

function feedbackCard({ request, outcome, failure }) {
  const { question, answer } = request.value;
  const card = make('li', 'card letter', make('h4', 'letter-question', `${question}`));
  if (failure) {
    const problem = make('div', 'problem');
    fillProblem(problem, failure, actionsAfter(failure));
    card.append(problem);
  } else if (outcome) {
    card.append(make('p', 'letter-text', `${outcome.value.feedback}`));
  } else {
    card.append(make('p', 'waiting', ...waiting('면접관이 답변을 읽고 있어요', request.timestamp)));
  }
  const foot = make('div', 'letter-foot', make('details', 'own', make('summary', '', '내가 쓴 답변'), make('p', '', `${answer}`)));
  if (outcome) {
    const took = outcome.tookMs === undefined ? '' : ` · ${seconds(outcome.tookMs)} 걸림`;
    foot.append(make('p', 'meta', `${clock.format(outcome.timestamp)}${took}`));
  }
  card.append(foot);
  return card;
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
