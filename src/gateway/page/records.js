// What Kafka carried: records as the page uses them, and the log of those that it has seen.

/** Kinds of request: where they are posted (a proxy may put the page under a path of its own), and their topic by default. */
export const REQUESTS = {
  feedback: { path: 'api/v1/feedback/create', topic: 'FeedbackRequested', flow: 'feedback' },
  init: { path: 'api/v1/resume/agent/init', topic: 'ResumeInit', flow: 'resume' },
  answer: { path: 'api/v1/resume/agent/update', topic: 'ResumeAnswer', flow: 'resume' },
};
const MOST_RECORDS = 400;

/** A record as the page uses it. `kind` is one of `REQUESTS` for a request, and an outcome's type for an outcome. */
export function readRecord(record) {
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

export function emptyLog() {
  return { records: new Map(), requests: new Map(), outcomes: new Map(), progress: new Map() };
}

/** Adds a record; false when it is known already. Requests and outcomes may come in any order. */
export function addRecord(log, record) {
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
