// What pages gain from a script; without it everything works as well.
"use strict";

// A button copies what it names.
for (const knapp of document.querySelectorAll("[data-kopier]")) {
  knapp.hidden = false;
  knapp.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(knapp.dataset.kopier).textContent);
    knapp.textContent = knapp.dataset.kopiert;
  });
}

// Before a login runs out, ask whether to go on.
const dialog = document.getElementById("utlogging");
if (dialog) {
  const tekst = dialog.querySelector("[data-flere]");
  const varsel = 5 * 60;
  let slutt = Date.now() + 1000 * dialog.dataset.gjenstaar;
  let sagt = "";
  const si = (s) => {
    if (s !== sagt) tekst.textContent = sagt = s;
  };
  const se = () => {
    const igjen = Math.ceil((slutt - Date.now()) / 1000);
    if (igjen > varsel) return;
    if (!dialog.open) dialog.showModal();
    const minutter = Math.ceil(igjen / 60);
    if (igjen <= 0) si(tekst.dataset.ute);
    else if (minutter === 1) si(tekst.dataset.ett);
    else si(tekst.dataset.flere.replace("{n}", minutter > 2 ? 5 : 2));
  };
  dialog.querySelector("[data-fortsett]").addEventListener("click", async () => {
    const svar = await fetch("/sesjon", { method: "POST", redirect: "manual" });
    if (!svar.ok) {
      location.reload();
      return;
    }
    slutt = Date.now() + 1000 * (await svar.json()).gjenstaar;
    sagt = "";
    dialog.close();
  });
  setInterval(se, 5000);
  se();
}
