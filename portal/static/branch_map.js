// The map and the list of branches follow what routers report: the page is fetched again every
// few seconds and its moving part put in the old one's place, unless somebody is using it.
(() => {
  "use strict";
  const EVERY_MS = 5000;
  const place = document.querySelector("[data-branches-now]");
  const lost = document.querySelector("[data-branches-lost]");
  if (!place || !lost) return;
  const look = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(window.location.href, { cache: "no-store" });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.querySelector("[data-branches-now]");
      lost.hidden = true;
      if (!now || place.contains(document.activeElement)) return;
      if (now.innerHTML !== place.innerHTML) place.replaceChildren(...now.childNodes);
    } catch {
      lost.hidden = false;
    }
  };
  setInterval(look, EVERY_MS);
})();
