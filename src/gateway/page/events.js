// The event panel: the records as Kafka carried them.

import { $, announce, exactClock, make, makeButton, seconds } from './dom.js';
import { REQUESTS } from './records.js';

const MOST_EVENTS_SHOWN = 100;

export function showEvent(record) {
  const list = $('event-list');
  const older = [...list.children].find((child) => child.dataset.at <= record.timestamp);
  list.insertBefore(eventItem(record), older ?? null);
  if (list.children.length > MOST_EVENTS_SHOWN) list.lastElementChild.remove();
  countEvents();
}

export function clearEvents() {
  $('event-list').replaceChildren();
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

export function buildEvents() {
  $('events-open').addEventListener('click', () => openEvents(true));
  $('events-close').addEventListener('click', () => openEvents(false));
  document.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && $('events').classList.contains('open')) openEvents(false);
  });
}
