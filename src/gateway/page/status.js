// What a flow says of itself: what came, what is waited for, what went wrong and what can be done about it.

import { make, makeButton } from './dom.js';
import { isMemberClear } from './member.js';
import { addedTo } from './progress.js';
import { post, send } from './requests.js';
import { startOver, state } from './state.js';

const SLOW_AFTER_SECONDS = 20;

/** An outcome for who listens; `told` is what was read out of it while it was written. */
export function inWords({ kind, value }, told) {
  switch (kind) {
    case 'FeedbackGenerated': return `피드백이 도착했습니다. ${addedTo(told, `${value.feedback}`)}`.trim();
    case 'ResumeQuestionGenerated': return `질문 ${value.questionNumber}/${value.maxQuestions}. ${value.question}`;
    case 'ResumeCompleted': return '이력서가 완성됐습니다. 내려받을 수 있습니다.';
    default: return readable(value);
  }
}

/** For the title of a tab that is hidden. */
export function inShort({ kind, value }) {
  switch (kind) {
    case 'FeedbackGenerated': return '피드백이 도착했어요';
    case 'ResumeQuestionGenerated': return `질문 ${value.questionNumber}/${value.maxQuestions}`;
    case 'ResumeCompleted': return '이력서가 완성됐어요';
    default: return '다시 봐 주세요';
  }
}

/** Messages name a field as the API does; members know it by its label. */
function readable({ message, field }) {
  const label = field && document.querySelector(`label[for="${CSS.escape(field)}"]`);
  return label ? `${message}`.replace(`${field}: `, `${label.firstChild.textContent.trim()}: `) : `${message}`;
}

const WAITS = '기다리는 중이에요. 앞선 요청이나 모델을 기다리고 있어요';
const STORES = '문서를 저장하는 중이에요';

/** What is being done for a request; `usually` where nothing more is known. */
export function doing(progress, usually) {
  if (progress?.stage === 'WAITING') return WAITS;
  return progress?.stage === 'STORING' ? STORES : usually;
}

/** A step for who listens: the sentences that are new, or what is done now; null where that is as before. */
export function stepInWords(now, before) {
  if (now.text && now.text !== before?.text) return addedTo(before?.text, now.text);
  if (now.stage !== before?.stage && now.stage !== 'WRITING') return `${doing(now)}.`;
  return now.section && now.section !== before?.section ? `${now.section}, ${now.percent ?? 0}%` : null;
}

/** A problem and what to do about it: `actions` are buttons, `[text, what it does]`. */
export function fillProblem(box, failure, actions) {
  box.hidden = !failure;
  const text = failure ? [readable(failure), failure.advice].filter(Boolean).join(' ') : '';
  const buttons = actions.map(([label, onClick]) => makeButton(label, 'secondary', onClick));
  box.replaceChildren(make('p', '', text), ...buttons);
}

/** What a member can do: send the same request again, make a new one like it, or begin anew. */
export function actionsAfter(failure, unsent) {
  if (unsent) return unsent.mayHelp ? [['다시 보내기', () => isMemberClear() && post(unsent)]] : [];
  if (failure?.code === 'NO_ACTIVE_SESSION') return [['처음부터 다시 시작', startOver]];
  return failure?.again ? [['다시 시도', () => send(failure.again.kind, failure.again.value)]] : [];
}

/** The last failure of a flow: of the POST, or else of the request. */
export function renderProblem(box, flow, failure) {
  const unsent = state.unsent[flow];
  const version = unsent ? `${unsent.key} ${unsent.message}` : `${failure?.id}`;
  if (box.dataset.version === version) return;
  box.dataset.version = version;
  fillProblem(box, unsent ?? failure, actionsAfter(failure, unsent));
}

/** What is waited for, and for how long. */
export function waiting(text, since) {
  const cells = make('span', 'cells', make('i', ''), make('i', ''), make('i', ''));
  cells.setAttribute('aria-hidden', true);
  const elapsed = make('span', 'elapsed');
  elapsed.dataset.since = since;
  showElapsed(elapsed);
  return [cells, make('span', '', text), elapsed];
}

/** The same in a box that may say it already: it goes on. */
export function renderWaiting(box, text, since) {
  const [, said, elapsed] = box.children;
  if (!said) box.replaceChildren(...waiting(text, since));
  else if (said.textContent !== text) said.textContent = text;
  if (elapsed && elapsed.dataset.since !== `${since}`) {
    elapsed.dataset.since = since;
    showElapsed(elapsed);
  }
}

export function showElapsed(elapsed) {
  const count = Math.max(0, Math.floor((Date.now() - elapsed.dataset.since) / 1000));
  elapsed.textContent = count < SLOW_AFTER_SECONDS ? `${count}초` : `${count}초 · 오래 걸리네요. 창을 닫아도 결과는 사라지지 않아요.`;
}
