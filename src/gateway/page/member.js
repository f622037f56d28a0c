// The member whom the header names.

import { $ } from './dom.js';
import { areValid, setFieldError } from './fields.js';
import { MEMBERS, changeMember, isMember, state } from './state.js';

const memberInField = () => Number($('member-id').value.trim());

function submitMember() {
  const member = memberInField();
  if (areValid([$('member-id'), isMember(member) ? null : '1 이상의 숫자를 써 주세요.']) && member !== state.member) changeMember(member);
}

/** Whether the page is of the member whom the header names. While that is no number, nobody's request is sent. */
export function isMemberClear() {
  const isClear = $('member').value !== 'other' || memberInField() === state.member;
  if (!isClear) submitMember();
  return isClear;
}

export function buildMembers() {
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
