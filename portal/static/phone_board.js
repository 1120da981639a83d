// Countdown of an open first visit, and which telephones are registered right now.
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
  const board = document.querySelector("[data-phone-board]");
  if (!board) return;
  const places = new Map();
  for (const each of board.querySelectorAll("[data-endpoint]")) {
    if (each.dataset.endpoint) places.set(`devices/${each.dataset.endpoint}`, each);
  }
  const show = (key, value) => {
    const place = places.get(key);
    if (place) place.textContent = value?.registered ? place.dataset.yes : place.dataset.no;
  };
  const unknown = () => {
    for (const place of places.values()) place.textContent = "–";
  };
  const source = new EventSource(board.dataset.phoneBoard);
  source.addEventListener("snapshot", (event) => {
    const { objects } = JSON.parse(event.data);
    if (!objects.asterisk?.up) return unknown();
    for (const key of places.keys()) show(key, objects[key]);
    return undefined;
  });
  source.addEventListener("change", (event) => {
    const { set, gone } = JSON.parse(event.data);
    if (set.asterisk && !set.asterisk.up) unknown();
    for (const [key, value] of Object.entries(set)) show(key, value);
    for (const key of gone) show(key, undefined);
  });
  source.addEventListener("error", unknown);
})();
