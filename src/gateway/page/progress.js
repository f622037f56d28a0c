// How far requests are: best effort, beside the records. It is not told again after a reload, and nothing of it counts any
// more once the outcome is there.

const MOST_REQUESTS = 20;

/** Takes in a step; returns what is known now and was before, or null when it is late. */
export function addProgress(log, { cause, value }) {
  const id = cause ?? value.requestId;
  const before = log.progress.get(id);
  if (log.outcomes.has(id) || !Number.isFinite(value.sequence) || before?.sequence >= value.sequence) return null;
  const { sequence, stage } = value;
  const text = typeof value.text === 'string' ? value.text : before?.text ?? '';
  const section = typeof value.section === 'string' ? value.section : before?.section;
  const now = { id, kind: value.eventName, sequence, stage, text, section, percent: percentOf(value, before) };
  log.progress.set(id, now);
  if (log.progress.size > MOST_REQUESTS) log.progress.delete(log.progress.keys().next().value);
  return { now, before };
}

/** It never goes back. Once the document is being stored, all of it is written. */
function percentOf({ stage, percent }, before) {
  const known = [percent, before?.percent, stage === 'STORING' ? 99 : null].filter(Number.isFinite);
  return known.length > 0 ? Math.max(...known) : undefined;
}

/** What `text` has that `told` had not: all of it where it does not begin with that. */
export const addedTo = (told, text) => (told && text.startsWith(told) ? text.slice(told.length).trim() : text);
