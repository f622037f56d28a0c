// Sends requests to the gateway, each under a key of its own.

import { announce } from './dom.js';
import { isMemberClear } from './member.js';
import { REQUESTS } from './records.js';
import { isBusy, newKey, state, tell } from './state.js';
import { keepConnected } from './stream.js';

const POST_TIMEOUT_MS = 15_000;

/** Sends a new request, unless its flow has one under way: a second click changes nothing. */
export function send(kind, content) {
  if (!isBusy(REQUESTS[kind].flow) && isMemberClear()) post({ kind, key: newKey(), body: { ...content, memberId: state.member } });
}

/**
 * Posts a request. It counts as sent at once, and Kafka's record takes its place. When it fails, it is kept to be sent
 * again under the same key, in case Kafka has it after all.
 */
export async function post({ kind, key, body }) {
  const { path, flow } = REQUESTS[kind];
  const { log } = state;
  const assumed = { isRequest: true, kind, id: key, value: body, timestamp: Date.now() };
  delete state.unsent[flow];
  log.requests.set(key, assumed);
  tell('news');
  keepConnected();
  const failure = await failureOfPost(path, key, body);
  if (!failure || log.requests.get(key) !== assumed || log !== state.log) return;
  log.requests.delete(key);
  state.unsent[flow] = { kind, key, body, ...failure };
  tell('news');
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
