// What a log means for the member: pure functions of the records.

import { REQUESTS } from './records.js';

const MOST_FEEDBACKS_SHOWN = 10;

const byTime = (records) => [...records].sort((one, other) => one.timestamp - other.timestamp);

export function requestsOf(log, flow) {
  return byTime([...log.requests.values()].filter(({ kind }) => REQUESTS[kind].flow === flow));
}

/** What went wrong with a request; `again` is the request where sending it once more may help. */
function failureOf(log, request) {
  const outcome = request && log.outcomes.get(request.id);
  if (outcome?.kind !== 'RequestFailed') return null;
  const { code, message, retryable, field } = outcome.value;
  return { id: outcome.place, kind: request.kind, code, message, field, again: retryable ? request : null };
}

/** The latest feedback requests, newest first; a failed one gives way to its repetition. */
export function feedbackView(log) {
  const said = ({ value }) => JSON.stringify([value.question, value.answer]);
  const requests = requestsOf(log, 'feedback').reverse();
  const entries = requests.map((request) => ({
    request,
    outcome: log.outcomes.get(request.id),
    failure: failureOf(log, request),
    progress: log.progress.get(request.id),
  }));
  const isRepeated = ({ request }, index) => requests.slice(0, index).some((later) => said(later) === said(request));
  return entries.filter((entry, index) => !entry.failure || !isRepeated(entry, index)).slice(0, MOST_FEEDBACKS_SHOWN);
}

/**
 * The résumé: its phase (`form`, `waiting`, `question`, `gone`, `done`) and what belongs to it. `startedOverAfter` is the
 * id of the last request before the member wanted to start anew: until the next request it is the form that is shown.
 */
export function resumeView(log, startedOverAfter) {
  const requests = requestsOf(log, 'resume');
  const last = requests.at(-1);
  const pending = requests.findLast(({ id }) => !log.outcomes.has(id));
  const progress = pending && log.progress.get(pending.id);
  const failure = pending ? null : failureOf(log, last);
  const { current, exchanges, completed } = lastSession(log);
  const isOpen = Boolean(current) && !completed && failure?.code !== 'NO_ACTIVE_SESSION';
  if (last && last.id === startedOverAfter) {
    return { phase: 'form', canReturn: isOpen || Boolean(completed || pending), isFinished: Boolean(completed) && !pending };
  }
  if (pending?.kind === 'init') return { phase: 'waiting', waitsFor: '첫 질문을 고르고 있어요', pending, progress, exchanges: [] };
  if (failure?.kind === 'init') return { phase: 'form', failure };
  if (completed) return { phase: 'done', completed, exchanges };
  if (!current) return { phase: 'form', failure };
  if (!pending) return { phase: isOpen ? 'question' : 'gone', current, exchanges, failure };
  const isLast = current.questionNumber >= current.maxQuestions;
  return {
    phase: 'waiting',
    waitsFor: isLast ? '이력서를 쓰고 있어요' : '다음 질문을 고르고 있어요',
    isLast,
    pending,
    progress,
    current,
    exchanges: [...exchanges, { question: current.question, answer: answerIn(pending) }],
  };
}

/** The session of the latest outcome. The answer to a question is the request that brought the outcome after it. */
function lastSession(log) {
  const steps = byTime([...log.outcomes.values()].filter(({ value }) => value.sessionId));
  const ofSession = steps.filter(({ value }) => value.sessionId === steps.at(-1).value.sessionId);
  const completed = ofSession.find(({ kind }) => kind === 'ResumeCompleted');
  const asked = new Map(ofSession.filter((step) => step !== completed).map((step) => [step.value.questionNumber, step]));
  const numbers = [...asked.keys()].sort((one, other) => one - other);
  const exchanges = numbers.slice(0, completed ? undefined : -1).map((number) => {
    const next = asked.get(number + 1) ?? completed;
    return { question: asked.get(number).value.question, answer: answerIn(log.requests.get(next?.cause)) };
  });
  return { completed, current: asked.get(numbers.at(-1))?.value, exchanges };
}

/** The résumés that were finished, the newest first; a document that was announced twice is one. */
export function finishedResumes(log) {
  const announced = [...log.outcomes.values()].filter(({ kind }) => kind === 'ResumeCompleted');
  return [...new Map(byTime(announced).map((outcome) => [outcome.value.resumeObjectKey, outcome])).values()].reverse();
}

/** The text of an answer: '' when the question was skipped, null when the record is no longer known. */
function answerIn(request) {
  return request ? `${request.value.answer ?? request.value.inputs?.answer ?? ''}`.trim() : null;
}
