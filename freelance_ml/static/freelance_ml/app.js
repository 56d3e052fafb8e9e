// The little that htmx and HTML cannot do: palette, questions before risky acts, copying, messages.
"use strict";

const byId = (id) => document.getElementById(id);

// --- palette: Ctrl or ⌘ with K ------------------------------------------------------------------
const palette = byId("palette");

function openPalette() {
  if (!palette || palette.open) return;
  palette.showModal();
  const input = palette.querySelector("input[role=combobox]");
  input.select();
  htmx.trigger(input, "palette-open");
}

function options() {
  return [...palette.querySelectorAll("[role=option]")];
}

function choose(index) {
  const all = options();
  const input = palette.querySelector("input[role=combobox]");
  all.forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
  if (all[index]) {
    input.setAttribute("aria-activedescendant", all[index].id);
    all[index].scrollIntoView({ block: "nearest" });
  } else {
    input.removeAttribute("aria-activedescendant");
  }
}

function steer(event) {
  const all = options();
  const now = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    choose((now + step + all.length) % Math.max(all.length, 1));
  } else if (event.key === "Enter" && all[now]) {
    event.preventDefault();
    all[now].click();
  }
}

if (palette) {
  palette.querySelector("input[role=combobox]").addEventListener("keydown", steer);
  palette.addEventListener("click", (event) => {
    if (event.target === palette) palette.close();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "palette-results") choose(0);
  });
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    if (!palette) return;
    event.preventDefault();
    if (palette.open) palette.close();
    else openPalette();
  }
});

// A slash puts the cursor into the list's own search.
document.addEventListener("keydown", (event) => {
  const search = document.querySelector("main input[type=search]");
  if (event.key !== "/" || !search || event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  search.focus();
});

if (/Mac|iPhone|iPad/.test(navigator.platform)) {
  document.querySelectorAll("[data-modifier-key]").forEach((key) => {
    key.textContent = `⌘ ${key.dataset.modifierKey}`;
  });
}

// --- a question before what cannot be taken back -----------------------------------------------------
function ask(question, verb, harmless) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = verb ? `${verb}?` : "Are you sure?";
  byId("confirm-text").textContent = question;
  const yes = dialog.querySelector("[data-answer=yes]");
  yes.textContent = verb || "Yes, do it";
  yes.classList.toggle("btn-danger", !harmless);
  yes.classList.toggle("btn-primary", Boolean(harmless));
  dialog.showModal();
  return new Promise((resolve) => {
    const answer = (event) => {
      const given = event.type === "close" ? "no" : event.target.dataset.answer;
      if (!given) return;
      dialog.removeEventListener("click", answer);
      dialog.removeEventListener("close", answer);
      if (dialog.open) dialog.close();
      resolve(given === "yes");
    };
    dialog.addEventListener("click", answer);
    dialog.addEventListener("close", answer);
  });
}

document.addEventListener("htmx:confirm", (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  const verb = event.detail.elt.dataset.verb;
  ask(event.detail.question, verb).then((yes) => yes && event.detail.issueRequest(true));
});

document.addEventListener(
  "submit",
  (event) => {
    const asker = event.submitter?.dataset.confirm ? event.submitter : event.target;
    const question = asker.dataset?.confirm;
    if (!question || event.target.dataset.sure) return;
    event.preventDefault();
    event.stopPropagation();
    const submitter = event.submitter;
    ask(question, asker.dataset.verb || submitter?.textContent.trim(), submitter?.matches(".btn-primary")).then((yes) => {
      if (!yes) return;
      // The page may have been refreshed meanwhile: then the same form stands there anew.
      const form = event.target.isConnected ? event.target : document.querySelector(`form[action="${event.target.getAttribute("action")}"]`);
      if (!form) return;
      form.dataset.sure = "yes";
      form.requestSubmit(submitter?.isConnected ? submitter : form.querySelector("button"));
      delete form.dataset.sure;
    });
  },
  true,
);

// --- clicks: palette, copy, dismiss, menus ------------------------------------------------------------
document.addEventListener("click", async (event) => {
  const at = (selector) => event.target.closest?.(selector);
  if (at("[data-palette]")) openPalette();
  const copy = at("[data-copy]");
  if (copy) {
    const word = copy.querySelector("span");
    const before = word.textContent;
    try {
      await navigator.clipboard.writeText(copy.dataset.copy);
      word.textContent = "Copied";
    } catch {
      word.textContent = "Select and copy by hand";
    }
    setTimeout(() => (word.textContent = before), 2500);
  }
  at("[data-dismiss]")?.closest(".toast-line, .notice")?.remove();
  document.querySelectorAll("details.more[open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details.more[open]").forEach((menu) => {
    menu.open = false;
    menu.querySelector("summary").focus();
  });
});

// --- messages ---------------------------------------------------------------------------------------------
function say(text, tone = "error") {
  const line = document.createElement("div");
  line.className = `toast-line toast-${tone}`;
  const words = document.createElement("p");
  words.textContent = text;
  const away = document.createElement("button");
  away.type = "button";
  away.className = "btn btn-sm btn-bare";
  away.dataset.dismiss = "";
  away.textContent = "Dismiss";
  line.append(words, away);
  byId("toasts").append(line);
}

// Good news leaves by itself; a warning or an error stays until it is read.
const tidy = () =>
  document.querySelectorAll(".toast-success:not([data-timed])").forEach((line) => {
    line.dataset.timed = "yes";
    setTimeout(() => line.matches(":hover, :focus-within") || line.remove(), 7000);
  });
tidy();

const newestLine = () => document.querySelectorAll(".log").forEach((log) => (log.scrollTop = log.scrollHeight));
newestLine();

document.addEventListener("htmx:afterSettle", (event) => {
  tidy();
  newestLine();
  event.target.querySelector?.("[aria-invalid=true]")?.focus();
  const changed = event.target.querySelector?.(".glow");
  changed?.scrollIntoView({ block: "nearest" });
  changed?.querySelector("a")?.focus({ preventScroll: true });
});
document.addEventListener("htmx:sendError", () => say("The server did not answer. What you typed is still here; try again in a moment."));
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  if (status === 403) say("You may not do this here, or your session has ended. Reload the page and sign in.");
  else if (status === 404) say("This no longer exists. Reload the page.");
  else say("Something went wrong on our side; nothing was changed. Try again.");
});

// A session that ended meanwhile: the whole page goes to sign in, not a part of it.
document.addEventListener("htmx:beforeSwap", (event) => {
  const address = event.detail.xhr.responseURL;
  if (address && /^\/(accounts\/login|second-factor)\//.test(new URL(address).pathname)) {
    event.detail.shouldSwap = false;
    location.reload();
  }
});

// --- fields that send their form when they change -----------------------------------------------------------
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// A form that came back puts the cursor where the first mistake is.
document.querySelector("main [aria-invalid=true]")?.focus();

// --- the first run knows where the person is --------------------------------------------------------------
document.querySelectorAll("select[data-own-zone]").forEach((choice) => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (choice.value === "UTC" && [...choice.options].some((option) => option.value === own)) choice.value = own;
});

// --- on a phone, what comes last on a page is folded at first ------------------------------------
htmx.onLoad((root) => {
  if (!matchMedia("(width < 40rem)").matches) return;
  root.querySelectorAll("details[data-fold]:not(:has(:target))").forEach((part) => (part.open = false));
});

// htmx lends a request the address and the name of a button that merely has the focus. What saves itself while
// somebody types must never press “Freeze” or “Remove” for a person who went on with Tab.
document.addEventListener("htmx:configRequest", (event) => {
  const { elt, triggeringEvent, parameters } = event.detail;
  const button = document.activeElement;
  if (triggeringEvent?.type !== "input" || !elt.matches("form[hx-post]") || button?.form !== elt || button.type !== "submit") return;
  event.detail.path = elt.getAttribute("hx-post");
  if (button.name && !elt.querySelector(`input[name="${button.name}"]`)) delete parameters[button.name];
});
