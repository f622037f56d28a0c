// The one event stream of this tab, and how the tabs of a browser share its connections.

import { $, announce } from './dom.js';
import { addProgress } from './progress.js';
import { REQUESTS, addRecord, readRecord } from './records.js';
import { isBusy, newKey, state, tell } from './state.js';

const RECONNECT_MS = 3_000;
/**
 * Streams that the tabs of a browser keep open together. Over HTTP/1.1 it opens six connections to a server, for all tabs
 * and windows: the seventh would never load, and no request could be sent.
 */
const MOST_STREAMS = 4;
/** The replay comes in one go: when nothing more has come for this long, it is over. */
const REPLAY_QUIET_MS = 200;

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
export const needsStream = () => !document.hidden || isBusy('feedback') || isBusy('resume');

/** Opens a stream where one is needed and none is open. What came meanwhile is told first. */
export function keepConnected() {
  if (!needsStream()) disconnect();
  else if (!source) connect();
}

export function disconnect() {
  clearTimeout(reconnectTimer);
  clearTimeout(replayTimer);
  source?.close();
  source = null;
}

function comeBackLater() {
  reconnectTimer = setTimeout(keepConnected, RECONNECT_MS);
}

export function connect() {
  disconnect();
  later.clear();
  tabs.postMessage(thisTab);
  const query = new URLSearchParams({ memberId: state.member, lastEventId: state.lastEventId, records: true });
  const address = `api/v1/sse/subscribe?${query}`;
  source = new EventSource(address);
  source.addEventListener('record', onRecord);
  source.addEventListener('progress-record', onProgress);
  // The gateway ends a stream that is old; nobody need notice.
  source.addEventListener('again', connect);
  source.onopen = () => {
    setConnection('open');
    replayEndsSoon();
  };
  source.onerror = () => {
    // The browser tries again by itself, but not after an HTTP error.
    const isRefused = source.readyState === EventSource.CLOSED;
    if (!isRefused || state.connection !== 'refused') setConnection(navigator.onLine ? 'lost' : 'offline');
    if (isRefused) {
      disconnect();
      comeBackLater();
      tellWhy(address);
    }
    replayEndsSoon();
  };
}

/** An EventSource does not say why it was refused. Asking again does: that somebody has to log in, or is another member. */
async function tellWhy(address) {
  const asking = new AbortController();
  try {
    const answer = await fetch(address, { signal: asking.signal });
    const isForWho = answer.status === 401 || answer.status === 403;
    const { message } = isForWho ? await answer.json() : {};
    if (message && !source) setConnection('refused', message);
  } catch {
    // Who is not there says nothing.
  } finally {
    asking.abort();
  }
}

function onRecord(event) {
  state.lastEventId = event.lastEventId;
  const record = readRecord(JSON.parse(event.data));
  if (!addRecord(state.log, record)) return;
  if (record.isRequest) {
    const { flow } = REQUESTS[record.kind];
    if (state.unsent[flow]?.key === record.id) delete state.unsent[flow];
  }
  tell('record', record);
  if (state.isLive) keepConnected();
  else replayEndsSoon();
}

function onProgress(event) {
  const step = addProgress(state.log, readRecord(JSON.parse(event.data)));
  if (step) tell('progress', step);
}

function replayEndsSoon() {
  if (state.isLive) return;
  clearTimeout(replayTimer);
  replayTimer = setTimeout(() => {
    state.isLive = true;
    tell('view');
  }, REPLAY_QUIET_MS);
}

/** `why` is what the server says where it refuses. */
function setConnection(connection, why) {
  const isBack = connection === 'open' && state.connection !== 'connecting';
  const news = { open: isBack ? '다시 연결됐습니다.' : '', lost: '연결이 끊겨 다시 연결하고 있습니다.', offline: '인터넷 연결이 끊겼습니다.', refused: why };
  if (connection !== state.connection) announce(news[connection]);
  state.connection = connection;
  const texts = { connecting: '연결 중', open: '연결됨', lost: '다시 연결 중', offline: '오프라인', refused: why };
  $('connection').dataset.state = connection;
  $('connection-text').textContent = texts[connection];
}
