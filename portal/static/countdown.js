// Time that is left, such as that of an open first visit.
(() => {
  "use strict";
  for (const place of document.querySelectorAll("[data-countdown]")) {
    const end = performance.now() + Number(place.dataset.countdown) * 1000;
    const tick = () => {
      const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
      place.textContent = left
        ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
        : place.dataset.over;
      if (left) setTimeout(tick, 250);
    };
    tick();
  }
})();
