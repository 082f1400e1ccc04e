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

// The way out takes this page's place in the history; Esc three times goes it too.
const ut = document.querySelector("[data-forlat]");
if (ut) {
  let esc = [];
  const forlat = (e) => {
    e.preventDefault();
    document.body.hidden = true;
    location.replace(ut.href);
  };
  ut.addEventListener("click", forlat);
  document.addEventListener("keydown", (e) => {
    esc = e.key === "Escape" ? [...esc, Date.now()].slice(-3) : [];
    if (esc.length === 3 && esc[2] - esc[0] < 2000) forlat(e);
  });
}

let slutt = 0; // when the login ends
// What is written in a form that says so is stored now and then, and when the page is left:
// not once the form itself has been sent, and never again where it is refused.
const skjema = document.querySelector("form[data-lagre]");
if (skjema) {
  const status = document.getElementById(skjema.dataset.lagre);
  let av = new AbortController();
  let endret = false, nektet = false, pause = 15000, neste = 0;
  const lagre = async () => {
    if (!endret || nektet || av.signal.aborted || (Date.now() < neste && !document.hidden)) return;
    endret = false;
    const felt = new URLSearchParams(new FormData(skjema));
    felt.set("handling", "lagre");
    const valg = { method: "POST", body: felt, redirect: "manual", signal: av.signal, keepalive: felt.toString().length < 60000 };
    const svar = await fetch(skjema.action, valg).catch(() => null);
    if (svar && svar.ok) {
      const s = await svar.json();
      status.textContent = s.lagret;
      slutt = Date.now() + 1000 * s.gjenstaar;
      pause = 15000;
      return;
    }
    status.textContent = "";
    endret = true;
    nektet = svar !== null && svar.status < 500; // also where it leads elsewhere: to log in
    pause = Math.min(pause * 2, 240000);
    neste = Date.now() + pause;
  };
  skjema.addEventListener("input", () => {
    endret = true;
    if (av.signal.aborted) av = new AbortController(); // what was sent was stopped
  });
  skjema.addEventListener("submit", () => av.abort());
  document.addEventListener("visibilitychange", lagre);
  setInterval(lagre, 15000);
}

// Before a login runs out, ask whether to go on.
const dialog = document.getElementById("utlogging");
if (dialog) {
  const tekst = dialog.querySelector("[data-flere]");
  const varsel = 5 * 60;
  slutt = Date.now() + 1000 * dialog.dataset.gjenstaar;
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

// A part of a page that changes by itself is fetched anew, ever more slowly, until
// the page says that it is at its end. What has the focus keeps it, and the status
// is read out only when it is another one.
const del = document.querySelector("[data-hent]");
if (del) {
  const status = document.getElementById(del.dataset.hent);
  let pause = 2000;
  const hent = async () => {
    const svar = document.hidden ? null : await fetch(location.href, { redirect: "manual" }).catch(() => null);
    if (svar) {
      const side = new DOMParser().parseFromString(svar.ok ? await svar.text() : "", "text/html");
      const ny = side.getElementById(del.id);
      if (!ny) { // logged out, or gone
        location.reload();
        return;
      }
      if (ny.innerHTML !== del.innerHTML) {
        const fokus = del.contains(document.activeElement) ? document.activeElement.id : "";
        del.replaceChildren(...ny.childNodes);
        if (fokus) (document.getElementById(fokus) || document.getElementById("innhold")).focus();
      }
      const sagt = side.getElementById(status.id);
      if (sagt.textContent !== status.textContent) {
        status.dataset.color = sagt.dataset.color;
        status.replaceChildren(...sagt.childNodes);
      }
      if (!ny.dataset.hent) return;
    }
    pause = Math.min(pause * 1.2, 15000);
    setTimeout(hent, pause);
  };
  setTimeout(hent, pause);
}
