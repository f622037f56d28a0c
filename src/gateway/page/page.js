// The page of `ssammu-worker gateway`. All it knows comes as Kafka records through one EventSource: what is on screen
// is a pure function of the records seen so far, so that a reload, a second tab or a lost connection show the same.
// What a member wrote and what a model said reaches the document as text only.

const MEMBERS = [[1001, '김하늘'], [1002, '이도윤'], [1003, '박서연'], [1004, '최지우']];
const QUESTIONS = [
  'TCP와 UDP의 차이점은?',
  '트랜잭션의 ACID를 설명해 주세요.',
  '가비지 컬렉션은 어떻게 동작하나요?',
  '프로세스와 스레드는 무엇이 다른가요?',
  'LSTM은 RNN의 어떤 문제를 풀었나요?',
];
/** Kinds of request: where they are posted (a proxy may put the page under a path of its own), and their topic by default. */
const REQUESTS = {
  feedback: { path: 'api/v1/feedback/create', topic: 'FeedbackRequested', flow: 'feedback' },
  init: { path: 'api/v1/resume/agent/init', topic: 'ResumeInit', flow: 'resume' },
  answer: { path: 'api/v1/resume/agent/update', topic: 'ResumeAnswer', flow: 'resume' },
};
const TITLE = document.title;
/** The icon, and the same with a dot. */
const ICON = document.querySelector('link[rel="icon"]').href;
const ICON_WITH_NEWS = ICON.replace('%3C/svg', "%3Ccircle cx='25' cy='7' r='7' fill='%23c8432b'/%3E%3C/svg");
const MOST_RECORDS = 400;
const MOST_EVENTS_SHOWN = 100;
const MOST_FEEDBACKS_SHOWN = 10;
const POST_TIMEOUT_MS = 15_000;
const RECONNECT_MS = 3_000;
/**
 * Streams that the tabs of a browser keep open together. Over HTTP/1.1 it opens six connections to a server, for all tabs
 * and windows: the seventh would never load, and no request could be sent.
 */
const MOST_STREAMS = 4;
/** The replay comes in one go: when nothing more has come for this long, it is over. */
const REPLAY_QUIET_MS = 200;
const SLOW_AFTER_SECONDS = 20;
/** After this long a member may ask for another feedback, though the one before has not come. */
const GIVE_UP_MS = 90_000;

// ---------------------------------------------------------------- records: what Kafka carried

/** A record as the page uses it. `kind` is one of `REQUESTS` for a request, and an outcome's type for an outcome. */
function readRecord(record) {
  const headers = new Map(record.headers);
  const place = `${record.topic}/${record.partition}/${record.offset}`;
  const value = record.value !== null && typeof record.value === 'object' ? record.value : {};
  const cause = headers.get('ce_causationid');
  if (cause !== undefined) return { ...record, place, value, kind: headers.get('ce_type'), cause };
  const id = headers.get('ce_id') ?? value.requestId ?? value.eventId ?? place;
  const trips = headers.get('replay-count');
  return { ...record, place, value, isRequest: true, kind: requestKind(value), id: trips ? `${id}#${trips}` : `${id}` };
}

/** Topics can have any name, so the value tells what a request is. */
function requestKind(value) {
  if (value.question !== undefined) return 'feedback';
  return value.inputs?.email === undefined ? 'answer' : 'init';
}

function emptyLog() {
  return { records: new Map(), requests: new Map(), outcomes: new Map() };
}

/** Adds a record; false when it is known already. Requests and outcomes may come in any order. */
function addRecord(log, record) {
  if (log.records.has(record.place)) return false;
  log.records.set(record.place, record);
  if (record.isRequest) {
    log.requests.set(record.id, record);
  } else {
    const known = log.outcomes.get(record.cause);
    if (!known || known.timestamp <= record.timestamp) log.outcomes.set(record.cause, record);
  }
  if (log.records.size > MOST_RECORDS) forgetOldest(log);
  return true;
}

function forgetOldest({ records, requests, outcomes }) {
  const [[place, oldest]] = records;
  records.delete(place);
  if (requests.get(oldest.id) === oldest) requests.delete(oldest.id);
  if (outcomes.get(oldest.cause) === oldest) outcomes.delete(oldest.cause);
}

// ---------------------------------------------------------------- views: pure functions of the records

const byTime = (records) => [...records].sort((one, other) => one.timestamp - other.timestamp);

function requestsOf(log, flow) {
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
function feedbackView(log) {
  const said = ({ value }) => JSON.stringify([value.question, value.answer]);
  const requests = requestsOf(log, 'feedback').reverse();
  const entries = requests.map((request) => ({ request, outcome: log.outcomes.get(request.id), failure: failureOf(log, request) }));
  const isRepeated = ({ request }, index) => requests.slice(0, index).some((later) => said(later) === said(request));
  return entries.filter((entry, index) => !entry.failure || !isRepeated(entry, index)).slice(0, MOST_FEEDBACKS_SHOWN);
}

/**
 * The résumé: its phase (`form`, `waiting`, `question`, `gone`, `done`) and what belongs to it. `startedOverAfter` is the
 * id of the last request before the member wanted to start anew: until the next request it is the form that is shown.
 */
function resumeView(log, startedOverAfter) {
  const requests = requestsOf(log, 'resume');
  const last = requests.at(-1);
  const pending = requests.findLast(({ id }) => !log.outcomes.has(id));
  const failure = pending ? null : failureOf(log, last);
  const { current, exchanges, completed } = lastSession(log);
  const isOpen = Boolean(current) && !completed && failure?.code !== 'NO_ACTIVE_SESSION';
  if (last && last.id === startedOverAfter) {
    return { phase: 'form', canReturn: isOpen || Boolean(completed || pending), isFinished: Boolean(completed) && !pending };
  }
  if (pending?.kind === 'init') return { phase: 'waiting', waitsFor: '첫 질문을 고르고 있어요', pending, exchanges: [] };
  if (failure?.kind === 'init') return { phase: 'form', failure };
  if (completed) return { phase: 'done', completed, exchanges };
  if (!current) return { phase: 'form', failure };
  if (!pending) return { phase: isOpen ? 'question' : 'gone', current, exchanges, failure };
  const isLast = current.questionNumber >= current.maxQuestions;
  return {
    phase: 'waiting',
    waitsFor: isLast ? '이력서를 쓰고 있어요' : '다음 질문을 고르고 있어요',
    pending,
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
function finishedResumes(log) {
  const announced = [...log.outcomes.values()].filter(({ kind }) => kind === 'ResumeCompleted');
  return [...new Map(byTime(announced).map((outcome) => [outcome.value.resumeObjectKey, outcome])).values()].reverse();
}

/** The text of an answer: '' when the question was skipped, null when the record is no longer known. */
function answerIn(request) {
  return request ? `${request.value.answer ?? request.value.inputs?.answer ?? ''}`.trim() : null;
}

// ---------------------------------------------------------------- state, and what the browser keeps

const isMember = (number) => Number.isSafeInteger(number) && number > 0;
const knownMember = Number(localStorage.getItem('member'));

const state = {
  member: isMember(knownMember) ? knownMember : MEMBERS[0][0],
  log: emptyLog(),
  /** False while the past is replayed, which is not announced. */
  isLive: false,
  connection: 'connecting',
  lastEventId: '0',
  /** By flow, the request that did not get as far as Kafka: `{kind, key, body, message, mayHelp}`. */
  unsent: {},
  /** The outcomes that came while the tab was hidden, in a few words each. */
  unseen: [],
};

const startedOverKey = () => `started-over:${state.member}`;
const draftKey = (field) => `draft:${state.member}:${field.dataset.draft}`;
const questionKey = () => `draft:${state.member}:question`;
const resumeNow = () => resumeView(state.log, localStorage.getItem(startedOverKey()));
const saveDraft = (field) => sessionStorage.setItem(draftKey(field), field.value);

function loadDraft(field) {
  field.value = sessionStorage.getItem(draftKey(field)) ?? '';
  countCharacters(field);
}

// ---------------------------------------------------------------- the event stream

let source = null;
let reconnectTimer = null;
let replayTimer = null;

/** Tabs and windows tell each other that they opened a stream; `later` are those that did so after this one. */
const tabs = new BroadcastChannel('ssammu-streams');
const thisTab = newKey();
const later = new Set();

tabs.onmessage = ({ data }) => {
  if (!source || later.add(data).size < MOST_STREAMS) return;
  disconnect();
  comeBackLater();
};

/** A hidden tab needs no stream, unless somebody waits for what its title will tell. */
const needsStream = () => !document.hidden || isBusy('feedback') || isBusy('resume');

/** Opens a stream where one is needed and none is open. What came meanwhile is told first. */
function keepConnected() {
  if (!needsStream()) disconnect();
  else if (!source) connect();
}

function disconnect() {
  clearTimeout(reconnectTimer);
  clearTimeout(replayTimer);
  source?.close();
  source = null;
}

function comeBackLater() {
  reconnectTimer = setTimeout(keepConnected, RECONNECT_MS);
}

function connect() {
  disconnect();
  later.clear();
  tabs.postMessage(thisTab);
  const query = new URLSearchParams({ memberId: state.member, lastEventId: state.lastEventId, records: true });
  source = new EventSource(`api/v1/sse/subscribe?${query}`);
  source.addEventListener('record', onRecord);
  source.onopen = () => {
    setConnection('open');
    replayEndsSoon();
  };
  source.onerror = () => {
    setConnection(navigator.onLine ? 'lost' : 'offline');
    // The browser tries again by itself, but not after an HTTP error.
    if (source.readyState === EventSource.CLOSED) {
      disconnect();
      comeBackLater();
    }
    replayEndsSoon();
  };
}

function onRecord(event) {
  state.lastEventId = event.lastEventId;
  const record = readRecord(JSON.parse(event.data));
  if (!addRecord(state.log, record)) return;
  showEvent(record);
  if (record.isRequest) {
    const { flow } = REQUESTS[record.kind];
    if (state.unsent[flow]?.key === record.id) delete state.unsent[flow];
  }
  if (!state.isLive) return replayEndsSoon();
  if (document.hidden && !record.isRequest) state.unseen.push(inShort(record));
  renderLive();
  if (!record.isRequest) announce(inWords(record));
  keepConnected();
}

function replayEndsSoon() {
  if (state.isLive) return;
  clearTimeout(replayTimer);
  replayTimer = setTimeout(() => {
    state.isLive = true;
    render();
  }, REPLAY_QUIET_MS);
}

function setConnection(connection) {
  const isBack = connection === 'open' && state.connection !== 'connecting';
  const news = { open: isBack ? '다시 연결됐습니다.' : '', lost: '연결이 끊겨 다시 연결하고 있습니다.', offline: '인터넷 연결이 끊겼습니다.' };
  if (connection !== state.connection) announce(news[connection]);
  state.connection = connection;
  const texts = { connecting: '연결 중', open: '연결됨', lost: '다시 연결 중', offline: '오프라인' };
  $('connection').dataset.state = connection;
  $('connection-text').textContent = texts[connection];
}

function changeMember(member) {
  localStorage.setItem('member', member);
  Object.assign(state, { member, log: emptyLog(), isLive: false, lastEventId: '0', unsent: {} });
  $('event-list').replaceChildren();
  countEvents();
  loadForms();
  render();
  connect();
}

// ---------------------------------------------------------------- requests

function isBusy(flow) {
  if (flow === 'resume') return Boolean(resumeNow().pending);
  const isAwaited = ({ request, outcome }) => !outcome && Date.now() - request.timestamp < GIVE_UP_MS;
  return feedbackView(state.log).some(isAwaited);
}

/** Sends a new request, unless its flow has one under way: a second click changes nothing. */
function send(kind, content) {
  if (!isBusy(REQUESTS[kind].flow) && isMemberClear()) post({ kind, key: newKey(), body: { ...content, memberId: state.member } });
}

/**
 * Posts a request. It counts as sent at once, and Kafka's record takes its place. When it fails, it is kept to be sent
 * again under the same key, in case Kafka has it after all.
 */
async function post({ kind, key, body }) {
  const { path, flow } = REQUESTS[kind];
  const { log } = state;
  const assumed = { isRequest: true, kind, id: key, value: body, timestamp: Date.now() };
  delete state.unsent[flow];
  log.requests.set(key, assumed);
  renderLive();
  keepConnected();
  const failure = await failureOfPost(path, key, body);
  if (!failure || log.requests.get(key) !== assumed || log !== state.log) return;
  log.requests.delete(key);
  state.unsent[flow] = { kind, key, body, ...failure };
  renderLive();
  announce(failure.message);
}

async function failureOfPost(path, key, body) {
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key, Prefer: 'respond-async' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    });
    if (response.ok) return null;
    const { message, retryable, field } = await response.json().catch(() => ({}));
    const wait = Number(response.headers.get('Retry-After'));
    return {
      message: message ?? `서버가 요청을 받지 못했습니다(HTTP ${response.status}).`,
      advice: wait > 0 ? `${wait}초 뒤에 다시 보낼 수 있어요.` : '',
      mayHelp: retryable ?? (response.status === 429 || response.status >= 500),
      field,
    };
  } catch {
    return { message: '서버에 닿지 못했습니다. 인터넷 연결을 확인하고 다시 보내 주세요.', mayHelp: true };
  }
}

/** 128 random bits. `crypto.randomUUID` is missing where the page came from another machine without TLS. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// ---------------------------------------------------------------- small tools for the document

const $ = (id) => document.getElementById(id);
const number = (value) => Number(value).toLocaleString('ko');
const seconds = (ms) => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)}초`;
const clock = new Intl.DateTimeFormat('ko', { hour: 'numeric', minute: '2-digit' });
const dayAndTime = new Intl.DateTimeFormat('ko', { month: 'long', day: 'numeric', hour: 'numeric', minute: '2-digit' });
const exactClock = new Intl.DateTimeFormat('ko', { timeStyle: 'medium', hour12: false });
const characters = (text) => [...text].length;

/** Makes an element; its children are elements or text, never markup. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

function makeButton(text, className, onClick) {
  const button = make('button', className, text);
  button.type = 'button';
  button.addEventListener('click', onClick);
  return button;
}

/** Makes the list's children those of `items`, and leaves alone what did not change: focus and open details stay. */
function fillList(list, items, build) {
  const known = new Map([...list.children].map((child) => [child.dataset.version, child]));
  const children = items.map(({ version, item }) => {
    const child = known.get(version) ?? build(item);
    child.dataset.version = version;
    return child;
  });
  const isSame = children.length === list.children.length && children.every((child, at) => child === list.children[at]);
  if (!isSame) list.replaceChildren(...children);
}

function announce(text) {
  $('live').textContent = text;
}

function inWords({ kind, value }) {
  switch (kind) {
    case 'FeedbackGenerated': return `피드백이 도착했습니다. ${value.feedback}`;
    case 'ResumeQuestionGenerated': return `질문 ${value.questionNumber}/${value.maxQuestions}. ${value.question}`;
    case 'ResumeCompleted': return '이력서가 완성됐습니다. 내려받을 수 있습니다.';
    default: return readable(value);
  }
}

/** For the title of a tab that is hidden. */
function inShort({ kind, value }) {
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

// ---------------------------------------------------------------- what is on screen

function render() {
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
function renderLive() {
  const shown = () => {
    const parts = document.querySelectorAll('#feedback-list > :first-child, #answer-form, #resume-waiting, .done, .problem');
    return [...parts].filter((part) => part.checkVisibility());
  };
  const before = shown();
  render();
  shown().filter((part) => !before.includes(part)).forEach((part) => part.scrollIntoView({ block: 'nearest' }));
}

/** What is waited for, or what came while nobody looked. */
function renderTitle() {
  const { unseen } = state;
  const waitsFor = resumeNow().waitsFor ?? (isBusy('feedback') ? '피드백을 쓰고 있어요' : null);
  const news = unseen.length > 0 ? `(${unseen.length}) ${unseen.at(-1)}` : waitsFor;
  const title = news ? `${news} · CareerBee` : TITLE;
  if (document.title === title) return;
  document.title = title;
  document.querySelector('link[rel="icon"]').href = unseen.length > 0 ? ICON_WITH_NEWS : ICON;
}

/** A problem and what to do about it: `actions` are buttons, `[text, what it does]`. */
function fillProblem(box, failure, actions) {
  box.hidden = !failure;
  const text = failure ? [readable(failure), failure.advice].filter(Boolean).join(' ') : '';
  const buttons = actions.map(([label, onClick]) => makeButton(label, 'secondary', onClick));
  box.replaceChildren(make('p', '', text), ...buttons);
}

/** What a member can do: send the same request again, make a new one like it, or begin anew. */
function actionsAfter(failure, unsent) {
  if (unsent) return unsent.mayHelp ? [['다시 보내기', () => isMemberClear() && post(unsent)]] : [];
  if (failure?.code === 'NO_ACTIVE_SESSION') return [['처음부터 다시 시작', startOver]];
  return failure?.again ? [['다시 시도', () => send(failure.again.kind, failure.again.value)]] : [];
}

/** The last failure of a flow: of the POST, or else of the request. */
function renderProblem(box, flow, failure) {
  const unsent = state.unsent[flow];
  const version = unsent ? `${unsent.key} ${unsent.message}` : `${failure?.id}`;
  if (box.dataset.version === version) return;
  box.dataset.version = version;
  fillProblem(box, unsent ?? failure, actionsAfter(failure, unsent));
}

function renderSendButton(button, isBusyNow, text) {
  button.setAttribute('aria-disabled', isBusyNow);
  button.textContent = text;
}

function renderFeedback() {
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

/** What is waited for, and for how long. */
function waiting(text, since) {
  const cells = make('span', 'cells', make('i', ''), make('i', ''), make('i', ''));
  cells.setAttribute('aria-hidden', true);
  const elapsed = make('span', 'elapsed');
  elapsed.dataset.since = since;
  showElapsed(elapsed);
  return [cells, make('span', '', text), elapsed];
}

function showElapsed(elapsed) {
  const count = Math.max(0, Math.floor((Date.now() - elapsed.dataset.since) / 1000));
  elapsed.textContent = count < SLOW_AFTER_SECONDS ? `${count}초` : `${count}초 · 오래 걸리네요. 창을 닫아도 결과는 사라지지 않아요.`;
}

function renderResume() {
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

function renderDialogue({ phase, waitsFor, pending, current, exchanges, failure }) {
  const asked = current?.questionNumber ?? 0;
  $('progress-text').textContent = current ? `질문 ${asked}/${current.maxQuestions}` : '첫 질문';
  $('progress').max = current?.maxQuestions ?? 1;
  $('progress').value = phase === 'waiting' ? asked : asked - 1;
  fillExchanges($('exchanges'), exchanges);
  $('answer-form').hidden = phase !== 'question';
  if (phase === 'question') renderQuestion(current);
  $('resume-waiting').hidden = phase !== 'waiting';
  if (phase === 'waiting') $('resume-waiting').replaceChildren(...waiting(waitsFor, pending.timestamp));
  renderProblem($('resume-problem'), 'resume', failure);
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

function fillExchanges(list, exchanges) {
  fillList(list, exchanges.map((exchange) => ({ version: JSON.stringify(exchange), item: exchange })), ({ question, answer }) => {
    const said = answer ? make('p', 'said', answer) : make('p', 'said missing', answer === '' ? '건너뛴 질문' : '답변 기록이 없어요');
    return make('li', 'exchange', make('p', 'asked', question), said);
  });
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

function startOver() {
  const last = requestsOf(state.log, 'resume').at(-1);
  if (last) localStorage.setItem(startedOverKey(), last.id);
  delete state.unsent.resume;
  render();
}

function returnToDialogue() {
  localStorage.removeItem(startedOverKey());
  render();
}

// ---------------------------------------------------------------- the event panel

function showEvent(record) {
  const list = $('event-list');
  const older = [...list.children].find((child) => child.dataset.at <= record.timestamp);
  list.insertBefore(eventItem(record), older ?? null);
  if (list.children.length > MOST_EVENTS_SHOWN) list.lastElementChild.remove();
  countEvents();
}

function countEvents() {
  const { length } = $('event-list').children;
  $('events-count').textContent = length;
  $('events-open-count').textContent = length;
  $('events-empty').hidden = length > 0;
}

function eventItem(record) {
  const { topic, partition, offset, key, timestamp, tookMs, isRequest, kind } = record;
  const direction = make('span', 'direction', isRequest ? '요청' : '결과');
  const where = make('span', 'where', `파티션 ${partition} · 오프셋 ${offset} · 키 ${key}`);
  const summary = make('summary', '', direction, make('b', 'topic', topic), make('time', '', exactClock.format(timestamp)), where);
  if (tookMs !== undefined) summary.append(make('span', 'took', seconds(tookMs)));
  const details = make('details', '', summary);
  // Made when it is opened: most never are.
  details.addEventListener('toggle', () => details.append(...eventBody(record)), { once: true });
  const item = make('li', 'event', details);
  const name = isRequest ? REQUESTS[kind].topic : kind;
  Object.assign(item.dataset, { at: timestamp, kind: name, direction: isRequest ? 'request' : 'outcome', request: record.id ?? record.cause });
  return item;
}

function eventBody({ topic, partition, offset, timestamp, key, headers, value }) {
  const rows = headers.flatMap(([name, text]) => [make('dt', '', name), make('dd', '', `${text}`)]);
  const json = make('pre', 'json', ...coloured(JSON.stringify(value, null, 2)));
  json.tabIndex = 0;
  json.setAttribute('aria-label', 'JSON');
  const whole = JSON.stringify({ topic, partition, offset, timestamp, key, headers, value }, null, 2);
  const copy = makeButton('복사', 'quiet small', () => copyText(whole, copy, json));
  return [
    make('h3', 'part', '헤더'), make('dl', 'headers', ...rows),
    make('div', 'part-row', make('h3', 'part', 'JSON'), copy), json,
  ];
}

/** JSON with its names and texts in spans of their own. */
function coloured(json) {
  return json.split(/("(?:[^"\\]|\\.)*"(?:\s*:)?)/).map((token, at) => {
    return at % 2 === 0 ? token : make('span', token.endsWith(':') ? 'name' : 'text', token);
  });
}

async function copyText(text, copy, shown) {
  try {
    await navigator.clipboard.writeText(text);
    copy.textContent = '복사됨';
    announce('복사했습니다.');
  } catch {
    // There is no clipboard without TLS: the text is marked, ready for the keyboard.
    getSelection().selectAllChildren(shown);
    copy.textContent = 'Ctrl+C를 누르세요';
  }
}

/** On a phone the panel is a sheet over the page. */
function openEvents(isOpen) {
  $('events').classList.toggle('open', isOpen);
  $('events-open').setAttribute('aria-expanded', isOpen);
  $('main').inert = isOpen;
  $('top').inert = isOpen;
  $(isOpen ? 'events-close' : 'events-open').focus();
}

// ---------------------------------------------------------------- forms

function countCharacters(field) {
  const count = $(`${field.id}-count`);
  if (!count) return;
  const length = characters(field.value);
  count.textContent = `${number(length)} / ${number(field.dataset.limit)}`;
  count.classList.toggle('over', length > field.dataset.limit);
}

function tooLong(field) {
  const over = characters(field.value) - field.dataset.limit;
  return over > 0 ? `${number(field.dataset.limit)}자까지 쓸 수 있어요. ${number(over)}자를 줄여 주세요.` : null;
}

function setFieldError(field, message) {
  const error = $(`${field.id}-error`);
  error.textContent = message ?? '';
  error.hidden = !message;
  field.setAttribute('aria-invalid', Boolean(message));
}

/** Shows the faults, `[field, message or null]`, goes to the first, and says whether there is none. */
function areValid(...faults) {
  faults.forEach(([field, message]) => setFieldError(field, message));
  const first = faults.find(([, message]) => message);
  if (!first) return true;
  first[0].focus();
  announce(first[1]);
  return false;
}

function chooseQuestion() {
  const chosen = document.querySelector('input[name="question"]:checked').value;
  $('own-question-field').hidden = chosen !== 'own';
  $('chosen-question').hidden = chosen === 'own';
  $('chosen-question').textContent = chosen;
}

function chooseJob() {
  $('other-job-field').hidden = $('preferred_job').value !== 'other';
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

const memberInField = () => Number($('member-id').value.trim());

function submitMember() {
  const member = memberInField();
  if (areValid([$('member-id'), isMember(member) ? null : '1 이상의 숫자를 써 주세요.']) && member !== state.member) changeMember(member);
}

/** Whether the page is of the member whom the header names. While that is no number, nobody's request is sent. */
function isMemberClear() {
  const isClear = $('member').value !== 'other' || memberInField() === state.member;
  if (!isClear) submitMember();
  return isClear;
}

// ---------------------------------------------------------------- the beginning

/** What the member had written before a reload. */
function loadForms() {
  const question = sessionStorage.getItem(questionKey());
  const radios = [...document.querySelectorAll('input[name="question"]')];
  (radios.find(({ value }) => value === question) ?? radios[0]).checked = true;
  document.querySelectorAll('[data-draft]').forEach(loadDraft);
  chooseQuestion();
  chooseJob();
}

function buildQuestions() {
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
}

function buildMembers() {
  const { member } = state;
  const options = MEMBERS.map(([id, name]) => new Option(`${name} (${id})`, id));
  $('member').append(...options, new Option('직접 입력', 'other'));
  const isOther = MEMBERS.every(([id]) => id !== member);
  $('member').value = isOther ? 'other' : member;
  $('member-other').hidden = !isOther;
  $('member-id').value = isOther ? member : '';
  $('member').addEventListener('change', () => {
    const isNowOther = $('member').value === 'other';
    $('member-other').hidden = !isNowOther;
    $('member-id').value = '';
    setFieldError($('member-id'), null);
    if (isNowOther) $('member-id').focus();
    else changeMember(Number($('member').value));
  });
  $('member-id').addEventListener('change', submitMember);
}

const TABS = ['feedback', 'resume'];
const tabInAddress = () => TABS.find((name) => location.hash === `#${name}`) ?? TABS[0];

/** Shows a tab, and makes it an entry of the browser's history. */
function selectTab(name) {
  if (name !== tabInAddress()) history.pushState(null, '', `#${name}`);
  showTab(name);
}

function showTab(name) {
  for (const tab of document.querySelectorAll('[role="tab"]')) {
    const isSelected = tab.id === `tab-${name}`;
    tab.setAttribute('aria-selected', isSelected);
    tab.tabIndex = isSelected ? 0 : -1;
    $(tab.getAttribute('aria-controls')).hidden = !isSelected;
  }
}

function buildTabs() {
  const other = { ArrowLeft: 0, Home: 0, ArrowRight: 1, End: 1 };
  TABS.forEach((name) => $(`tab-${name}`).addEventListener('click', () => selectTab(name)));
  document.querySelector('[role="tablist"]').addEventListener('keydown', ({ key }) => {
    if (!(key in other)) return;
    selectTab(TABS[other[key]]);
    $(`tab-${TABS[other[key]]}`).focus();
  });
  // Back, forward, and an address that was typed.
  window.addEventListener('hashchange', () => showTab(tabInAddress()));
  showTab(tabInAddress());
}

/** Without a fragment of its own, which is the tab's. */
function skipToContent(event) {
  event.preventDefault();
  $('main').focus();
}

function onSubmit(form, submit) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.repeat) submit();
  });
}

/** The second click of a double click does nothing, even where the first was answered in between. */
function ignoreSecondClick(event) {
  if (event.detail < 2 || !event.target.closest('button')) return;
  event.preventDefault();
  event.stopPropagation();
}

function begin() {
  buildMembers();
  buildQuestions();
  buildTabs();
  // The answer of the dialogue has its question's draft; the others have one by name.
  document.querySelectorAll('form :is(textarea, input:not([type="radio"]), select):not(#answer)').forEach((field) => { field.dataset.draft = field.id; });
  loadForms();
  document.addEventListener('input', ({ target }) => {
    if (target.dataset.draft) saveDraft(target);
    countCharacters(target);
  });
  document.addEventListener('click', ignoreSecondClick, { capture: true });
  onSubmit($('feedback-form'), submitFeedback);
  onSubmit($('resume-form'), submitResume);
  onSubmit($('answer-form'), submitAnswer);
  $('answer-skip').addEventListener('click', skipQuestion);
  $('skip-yes').addEventListener('click', skipAfterAll);
  $('skip-no').addEventListener('click', () => $('skip-dialog').close());
  $('preferred_job').addEventListener('change', chooseJob);
  $('resume-return').addEventListener('click', returnToDialogue);
  document.querySelectorAll('[data-start-over]').forEach((element) => element.addEventListener('click', startOver));
  $('events-open').addEventListener('click', () => openEvents(true));
  $('events-close').addEventListener('click', () => openEvents(false));
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && $('events').classList.contains('open')) openEvents(false);
  });
  $('skip-link').addEventListener('click', skipToContent);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) state.unseen = [];
    renderTitle();
    keepConnected();
  });
  window.addEventListener('focus', keepConnected);
  // A gateway on this machine is there without a network: trying tells.
  for (const change of ['online', 'offline']) window.addEventListener(change, () => needsStream() && connect());
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
