// Fields of a form: their drafts, their length and their faults.

import { $, announce, characters, number } from './dom.js';
import { state } from './state.js';

const draftKey = (field) => `draft:${state.member}:${field.dataset.draft}`;
export const saveDraft = (field) => sessionStorage.setItem(draftKey(field), field.value);

export function loadDraft(field) {
  field.value = sessionStorage.getItem(draftKey(field)) ?? '';
  countCharacters(field);
}

export function countCharacters(field) {
  const count = $(`${field.id}-count`);
  if (!count) return;
  const length = characters(field.value);
  count.textContent = `${number(length)} / ${number(field.dataset.limit)}`;
  count.classList.toggle('over', length > field.dataset.limit);
}

export function tooLong(field) {
  const over = characters(field.value) - field.dataset.limit;
  return over > 0 ? `${number(field.dataset.limit)}자까지 쓸 수 있어요. ${number(over)}자를 줄여 주세요.` : null;
}

export function setFieldError(field, message) {
  const error = $(`${field.id}-error`);
  error.textContent = message ?? '';
  error.hidden = !message;
  field.setAttribute('aria-invalid', Boolean(message));
}

/** Shows the faults, `[field, message or null]`, goes to the first, and says whether there is none. */
export function areValid(...faults) {
  faults.forEach(([field, message]) => setFieldError(field, message));
  const first = faults.find(([, message]) => message);
  if (!first) return true;
  first[0].focus();
  announce(first[1]);
  return false;
}

export function onSubmit(form, submit) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.repeat) submit();
  });
}
