// The state of this page, what the browser keeps of it, and who is told when it changes.

import { emptyLog } from './records.js';
import { feedbackView, requestsOf, resumeView } from './views.js';

export const MEMBERS = [[1001, '김하늘'], [1002, '이도윤'], [1003, '박서연'], [1004, '최지우']];
/** After this long a member may ask for another feedback, though the one before has not come. */
const GIVE_UP_MS = 90_000;

export const isMember = (number) => Number.isSafeInteger(number) && number > 0;
const knownMember = Number(localStorage.getItem('member'));

export const state = {
  member: isMember(knownMember) ? knownMember : MEMBERS[0][0],
  log: emptyLog(),
  /** False while the past is replayed, which is not announced. */
  isLive: false,
  connection: 'connecting',
  lastEventId: '0',
  /** By flow, the request that did not get as far as Kafka: `{kind, key, body, message, mayHelp}`. */
  unsent: {},
  /** What came while the tab was hidden, of each request the last: `{id, text}`, in a few words. */
  unseen: [],
};

/**
 * What changes is told as an event: `member` when it is another one, `record` (its `detail`) when one has come, `progress` when
 * a request has got further (`detail`: `{now, before}`), `news` when a request of the member's was sent or was not, and `view` when the same is to be seen in another way.
 */
export const changes = new EventTarget();
export const tell = (change, detail) => changes.dispatchEvent(new CustomEvent(change, { detail }));

const startedOverKey = () => `started-over:${state.member}`;
export const resumeNow = () => resumeView(state.log, localStorage.getItem(startedOverKey()));

export function isBusy(flow) {
  if (flow === 'resume') return Boolean(resumeNow().pending);
  const isAwaited = ({ request, outcome }) => !outcome && Date.now() - request.timestamp < GIVE_UP_MS;
  return feedbackView(state.log).some(isAwaited);
}

export function changeMember(member) {
  localStorage.setItem('member', member);
  Object.assign(state, { member, log: emptyLog(), isLive: false, lastEventId: '0', unsent: {} });
  tell('member');
}

/** What came of one request counts once. */
export function noteUnseen(id, text) {
  state.unseen = [...state.unseen.filter((note) => note.id !== id), { id, text }];
}

export function startOver() {
  const last = requestsOf(state.log, 'resume').at(-1);
  if (last) localStorage.setItem(startedOverKey(), last.id);
  delete state.unsent.resume;
  tell('view');
}

export function returnToDialogue() {
  localStorage.removeItem(startedOverKey());
  tell('view');
}

/** 128 random bits. `crypto.randomUUID` is missing where the page came from another machine without TLS. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
