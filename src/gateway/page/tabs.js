// The page's two tabs: the mouse, the keyboard and the address choose the one that is shown.

import { $ } from './dom.js';

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

export function buildTabs() {
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
