"use strict";
(() => {
  const framed = window.parent !== window;
  const outside = framed ? window.parent.document : document;

  // Airflow's own choice of light or dark, which is not the system's.
  if (framed) {
    const root = outside.documentElement;
    const follow = () => {
      const dark = root.classList.contains("dark") || root.dataset.theme === "dark";
      document.documentElement.dataset.theme = dark ? "dark" : "light";
    };
    follow();
    new MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["class", "data-theme"] });
  }

  // Airflow's frame lets no link out: it is followed from the document around it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-leave]");
    if (!framed || !link || event.defaultPrevented) return;
    event.preventDefault();
    const copy = outside.createElement("a");
    copy.href = link.href;
    if (link.target === "_blank" || event.ctrlKey || event.metaKey) {
      copy.target = "_blank";
      copy.rel = "noopener";
    }
    outside.body.append(copy);
    copy.click();
    copy.remove();
  });

  const form = document.getElementById("clean");
  if (form) {
    const answer = document.getElementById("answer");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      answer.textContent = "Asking Airflow …";
      const conf = { day: form.dataset.day, ...Object.fromEntries(new FormData(form)) };
      try {
        const response = await fetch(form.dataset.api, {
          method: "POST",
          headers: { "Content-Type": "application/json", Accept: "application/json" },
          body: JSON.stringify({ logical_date: null, conf }),
          signal: AbortSignal.timeout(30000),
        });
        const told = await response.json().catch(() => ({}));
        if (!response.ok) {
          const why = typeof told.detail === "string" ? told.detail : JSON.stringify(told.detail || response.statusText);
          throw new Error(`Airflow answered ${response.status}: ${why}`);
        }
        const link = document.createElement("a");
        link.href = form.dataset.runs + encodeURIComponent(told.dag_run_id);
        link.dataset.leave = "";
        link.textContent = told.dag_run_id;
        answer.replaceChildren("Triggered: ", link);
      } catch (error) {
        answer.textContent = `Not triggered. ${error.message}`;
        button.disabled = false;
      }
    });
  }

  const live = document.getElementById("live");
  if (!live) return;
  const stale = document.getElementById("stale");
  const exchange = (id, html) => {
    const part = document.getElementById(id);
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const now = document.createElement("div");
    now.append(fresh.content);
    if (!part || part.innerHTML === now.innerHTML) return;
    const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
    if (open.length) return; // somebody reads: what is open stays until it is closed
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.replaceChildren(...now.childNodes);
    if (focused) document.getElementById(focused)?.focus();
  };
  let wait = live.dataset.pending === "yes" ? 1000 : 5000;
  let looked = Date.now();
  const poll = async () => {
    if (document.hidden) return setTimeout(poll, 1000);
    try {
      const response = await fetch(live.dataset.poll, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(10000) });
      if (response.status === 401 || response.status === 403) {
        stale.textContent = "You are no longer signed in to Airflow: load the page again.";
        stale.hidden = false;
        return;
      }
      if (!response.ok) throw new Error(`Airflow answered ${response.status}`);
      const told = await response.json();
      for (const [id, html] of Object.entries(told.parts)) exchange(id, html);
      wait = told.pending ? 1000 : 5000;
      looked = Date.now();
      stale.hidden = true;
    } catch (error) {
      wait = Math.min(wait * 2, 60000);
      stale.textContent = `What is shown is ${Math.round((Date.now() - looked) / 1000)} s old: Airflow cannot be asked (${error.message}).`;
      stale.hidden = false;
    }
    setTimeout(poll, wait);
  };
  setTimeout(poll, wait);
})();
