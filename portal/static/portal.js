// The little that pages gain from scripts. Everything here works in some way without.
(() => {
  "use strict";

  // Choosing lines of a list shows what can be done with them.
  const choose = () => {
    for (const form of document.querySelectorAll("[data-choose]")) {
      const boxes = [...form.querySelectorAll("input[name=id]")];
      const chosen = boxes.filter((box) => box.checked).length;
      const bar = form.querySelector(".bulk-bar");
      const all = form.querySelector("[data-choose-all]");
      bar?.classList.toggle("on", chosen > 0);
      if (all) {
        all.checked = chosen > 0 && chosen === boxes.length;
        all.indeterminate = chosen > 0 && chosen < boxes.length;
      }
      const count = form.querySelector("[data-chosen]");
      if (count) count.textContent = String(chosen);
    }
  };

  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-choose-all]");
    if (all) {
      for (const box of all.form.querySelectorAll("input[name=id]")) box.checked = all.checked;
    }
    const sent = event.target.closest("[data-submit]");
    if (sent) sent.form.requestSubmit();
    choose();
  });

  // Rows inside a form come from a template; the number in their names goes on counting.
  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-add-row]");
    if (add) {
      const table = document.getElementById(add.dataset.addRow);
      const number = Number(table.dataset.next);
      const row = table.querySelector("template").content.cloneNode(true);
      for (const part of row.querySelectorAll("[name], [id], [for]")) {
        for (const name of ["name", "id", "for"]) {
          const value = part.getAttribute(name);
          if (value) part.setAttribute(name, value.replace("__", String(number)));
        }
      }
      table.dataset.next = String(number + 1);
      table.querySelector("tbody").append(row);
      table.querySelector("tbody tr:last-child input, tbody tr:last-child select").focus();
    }
    const raise = event.target.closest("[data-raise-row]");
    if (raise) {
      // What the rows hold changes places: the number in their names is their order.
      const row = raise.closest("tr");
      const above = row.previousElementSibling;
      const parts = (each) => [...each.querySelectorAll("input, select")];
      if (above) {
        parts(row).forEach((part, index) => {
          const other = parts(above)[index];
          [part.value, other.value] = [other.value, part.value];
        });
        above.querySelector("[data-raise-row]").focus();
      }
    }
    const gone = event.target.closest("[data-remove-row]");
    if (gone) gone.closest("tr").remove();
    const open = document.querySelector("details.drop[open]");
    if (open && !open.contains(event.target)) open.open = false;
    const copy = event.target.closest("[data-print]");
    if (copy) window.print();
  });

  document.addEventListener("keydown", (event) => {
    const open = document.querySelector("details.drop[open]");
    if (event.key === "Escape" && open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing) {
      const search = document.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    }
  });

  // A large file shows how far it is; the answer is the page that the form would have led to.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-upload]");
    if (!form) return;
    event.preventDefault();
    const bar = form.querySelector("progress");
    const button = form.querySelector("button");
    const sending = new XMLHttpRequest();
    bar.hidden = false;
    button.disabled = true;
    sending.upload.addEventListener("progress", (part) => {
      if (part.lengthComputable) bar.value = part.loaded / part.total;
    });
    const over = () => {
      button.disabled = false;
      bar.hidden = true;
      bar.value = 0;
    };
    sending.addEventListener("error", over);
    sending.addEventListener("load", () => {
      const next = sending.getResponseHeader("HX-Redirect");
      if (next) location.assign(next);
      else document.documentElement.innerHTML = sending.responseText;
    });
    sending.open("POST", form.action);
    sending.setRequestHeader("HX-Request", "true");
    sending.send(new FormData(form));
  });

  // The number beside a destination is there only for lines that take one.
  const targets = () => {
    for (const target of document.querySelectorAll("[data-target]")) {
      const chosen = target.querySelector("select").selectedOptions[0];
      target.querySelector("input").hidden = !chosen || !("typed" in chosen.dataset);
    }
  };
  document.addEventListener("change", targets);

  // The countdown counts by the clock; the server decides.
  const tick = () => {
    for (const clock of document.querySelectorAll("[data-ends]")) {
      const left = Math.max(0, Math.round((Number(clock.dataset.ends) - performance.now()) / 1000));
      clock.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
      if (left === 0 && !clock.dataset.over) {
        clock.dataset.over = "yes";
        setTimeout(() => location.reload(), 1500);
      }
    }
  };
  const start = () => {
    for (const clock of document.querySelectorAll("[data-seconds]:not([data-ends])")) {
      clock.dataset.ends = String(performance.now() + Number(clock.dataset.seconds) * 1000);
    }
    choose();
    targets();
    tick();
  };
  setInterval(tick, 250);
  document.addEventListener("htmx:afterSettle", start);
  document.addEventListener("DOMContentLoaded", start);
})();
