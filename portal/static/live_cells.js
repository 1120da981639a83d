// Cells that follow one object of the live hub each: a line's state, whether a telephone is registered.
(() => {
  "use strict";
  const places = new Map();
  for (const each of document.querySelectorAll("[data-live-key]")) places.set(each.dataset.liveKey, each);
  if (!places.size) return;
  const trunk = (place, value) => {
    const good = value?.state === "up";
    const words = [place.dataset[good ? "up" : "down"]];
    if (value?.registration) words.unshift(place.dataset[value.registration] ?? value.registration);
    place.textContent = words.join(", ");
    place.className = `badge bg-${good && value.registration !== "refused" ? "green" : "red"}-lt`;
  };
  const telephone = (place, value) => {
    place.textContent = value?.registered ? place.dataset.yes : place.dataset.no;
  };
  const show = (key, value) => {
    const place = places.get(key);
    if (place) (key.startsWith("devices/") ? telephone : trunk)(place, value);
  };
  const unknown = () => {
    for (const place of places.values()) {
      place.textContent = "–";
      place.className = "";
    }
  };
  const source = new EventSource("/live/events");
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
