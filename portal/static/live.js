// Follows the live hub: a snapshot replaces everything, a change is applied, a hole in the
// numbers or a silence of 15 seconds opens the stream again.
(() => {
  "use strict";
  const place = document.querySelector("[data-live-source]");
  if (!place) return;
  const SILENCE_MS = 15000;
  const MOST_SILENT = 20;
  const RENEW_MS = 5 * 60 * 1000;
  let objects = new Map();
  let seq = 0;
  let heard = performance.now();
  let source;

  const write = (name, text) => {
    for (const each of place.querySelectorAll(`[data-live=${name}]`)) each.textContent = text;
  };
  const show = () => {
    const up = objects.get("asterisk")?.up;
    showSilent();
    const devices = [...objects].filter(([key]) => key.startsWith("devices/"));
    const registered = devices.filter(([, value]) => value.registered).length;
    const calls = [...objects.keys()].filter((key) => key.startsWith("calls/")).length;
    write("lines", up ? `${registered} / ${devices.length}` : "–");
    write("calls", up ? String(calls) : "–");
    const trunks = [...objects].filter(([key]) => key.startsWith("trunks/")).map(([, value]) => value);
    const well = trunks.filter((each) => each.state !== "down" && each.registration !== "refused");
    write("trunks", up ? `${well.length} / ${trunks.length}` : "–");
    const ways = document.getElementById("live-trunks");
    ways?.classList.toggle("good", up && trunks.length > 0 && well.length === trunks.length);
    ways?.classList.toggle("bad", up && well.length < trunks.length);
    const tile = document.getElementById("live-lines");
    tile.classList.toggle("good", up && registered === devices.length);
    tile.classList.toggle("warn", up && registered < devices.length);
  };
  // Who is not heard or does not hear right now: a name, the probable reason and what to do about it.
  const silent = document.getElementById("live-silent");
  const why = JSON.parse(silent.dataset.why);
  const lines = JSON.parse(silent.dataset.lines);
  const branches = JSON.parse(silent.dataset.branches);
  const reason = ({ why: word, site, deaf }) => {
    const found = ["nat", "blocked"].includes(word) && branches.includes(site) ? "tunnel" : word;
    return why[deaf ? `deaf-${found}` : found];
  };
  const showSilent = () => {
    const calls = [...objects].filter(([key]) => key.startsWith("calls/")).map(([, call]) => call);
    const legs = objects.get("asterisk")?.up ? calls.flatMap((call) => call.legs) : [];
    const entries = legs.filter((leg) => leg.no_sound).slice(0, MOST_SILENT).map((leg) => {
      const who = document.createElement("strong");
      who.textContent = lines[leg.trunk] ?? leg.trunk ?? "";
      if (leg.device) who.textContent = `${leg.number} ${leg.name}`;
      const entry = document.createElement("li");
      const other = `${leg.other_number} ${leg.other_name}`.trim();
      entry.append(who, ` ↔ ${other}. ${reason(leg.no_sound)}`);
      return entry;
    });
    silent.querySelector("ul").replaceChildren(...entries);
    silent.hidden = entries.length === 0;
  };
  const lost = (is) => {
    const line = place.querySelector("[data-live-state]");
    line.textContent = line.dataset.lost;
    line.hidden = !is;
    if (is) {
      silent.hidden = true;
      write("lines", "–");
      write("calls", "–");
      write("trunks", "–");
      document.getElementById("live-trunks")?.classList.remove("good", "bad");
    }
  };
  const open = () => {
    source?.close();
    heard = performance.now();
    source = new EventSource(place.dataset.liveSource);
    source.addEventListener("snapshot", (event) => {
      const data = JSON.parse(event.data);
      objects = new Map(Object.entries(data.objects));
      seq = data.seq;
      heard = performance.now();
      lost(false);
      show();
    });
    source.addEventListener("change", (event) => {
      const data = JSON.parse(event.data);
      heard = performance.now();
      if (data.seq !== seq + 1) return open();
      seq = data.seq;
      for (const key of data.gone) objects.delete(key);
      for (const [key, value] of Object.entries(data.set)) objects.set(key, value);
      return show();
    });
    source.addEventListener("beat", (event) => {
      heard = performance.now();
      if (JSON.parse(event.data).seq !== seq) open();
    });
    source.addEventListener("error", () => lost(true));
  };
  setInterval(() => {
    if (performance.now() - heard > SILENCE_MS) {
      lost(true);
      open();
    }
  }, 5000);
  setInterval(() => {
    fetch(place.dataset.liveRenew, {
      method: "POST",
      headers: { "X-CSRFToken": place.dataset.csrf },
    }).catch(() => lost(true));
  }, RENEW_MS);
  open();
})();
