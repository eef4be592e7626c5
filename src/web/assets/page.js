// Refreshes the part of the page that changes. Without this script a meta refresh does.
"use strict";

const PERIOD_MS = 2000;
const PATIENCE_MS = 8000;
const live = document.getElementById("live");
const lost = document.getElementById("lost");
const said = document.getElementById("said");
let shown = "";

const url = () => {
  const query = new URLSearchParams(location.search);
  query.set("fragment", "live");
  return `${location.pathname}?${query}`;
};

// Replacing text that someone is selecting or a link that has the focus would be rude.
const busy = () =>
  document.hidden ||
  (document.activeElement !== live && live.contains(document.activeElement)) ||
  (getSelection().type === "Range" && live.contains(getSelection().anchorNode));

// A screen reader hears the overall state when it changes, not every two seconds.
const say = (state) => {
  document.title = `${state} · tokenbeat`;
  if (said.textContent !== state) said.textContent = state;
};

const refresh = async () => {
  if (busy()) return;
  try {
    const answer = await fetch(url(), { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const text = await answer.text();
    if (text !== shown && !busy()) {
      const fragment = new DOMParser().parseFromString(text, "text/html");
      live.replaceChildren(...fragment.body.childNodes);
      shown = text;
      say(live.querySelector(".overall strong").textContent);
    }
    lost.hidden = true;
  } catch {
    const time = live.querySelector(".facts time");
    document.getElementById("lost-since").textContent = time ? time.textContent : "before";
    lost.hidden = false;
  }
};

const loop = async () => {
  await refresh();
  setTimeout(loop, PERIOD_MS);
};

setTimeout(loop, PERIOD_MS);
