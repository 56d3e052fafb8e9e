// Sends a chosen file piece by piece, two at a time; takes it up again after a break, a reload or a lost line.
"use strict";

(() => {
  const form = document.querySelector("form[data-upload]");
  if (!form) return;
  const address = form.dataset.upload;
  const part = (name) => form.querySelector(`[data-${name}]`);
  const token = form.querySelector("input[name=csrfmiddlewaretoken]").value;
  const field = form.elements.upload;
  const input = part("file");
  const drop = part("drop");
  const AT_ONCE = 2;
  const TRIES = 6;
  const LARGEST = Number(input.dataset.largest);
  let now = null; // the upload under way
  input.removeAttribute("name"); // its pieces have gone before the form is sent

  // --- words -----------------------------------------------------------------------------------------
  const sized = (bytes) => {
    const units = ["B", "KiB", "MiB", "GiB"];
    const step = Math.min(3, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
    return `${(bytes / 1024 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
  };
  const lasting = (seconds) => {
    if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
    if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
    return `${(seconds / 3600).toFixed(1)} h`;
  };
  const say = (words) => (part("said").textContent = words);
  function complain(words) {
    const box = part("problem");
    box.hidden = !words;
    box.firstElementChild.textContent = words || "";
  }
  function show() {
    const state = now;
    part("status").hidden = !state;
    drop.hidden = Boolean(state);
    if (!state) return;
    const done = state.sent + [...state.flying.values()].reduce((sum, bytes) => sum + bytes, 0);
    const share = Math.min(1, done / state.file.size);
    part("status").classList.toggle("upload-done", state.complete);
    part("name").textContent = state.file.name;
    part("size").textContent = sized(state.file.size);
    part("bar").value = share;
    part("pause").hidden = state.complete;
    part("pause").querySelector("span").textContent = state.paused ? "Go on" : "Pause";
    const seconds = (performance.now() - state.since) / 1000;
    const speed = seconds > 1 ? (done - state.before) / seconds : 0;
    const left = speed > 0 && !state.paused && !state.complete ? ` · ${lasting((state.file.size - done) / speed)} left` : "";
    let words = `${Math.floor(share * 100)} %${left}`;
    if (state.complete) words = "Uploaded.";
    else if (state.paused) words = `Paused at ${Math.floor(share * 100)} %. Nothing is lost; go on whenever you like.`;
    else if (state.waiting) words += " · it goes on as soon as the file has arrived";
    part("words").textContent = words;
  }

  // --- what is remembered, so that the same file goes on where it stopped ---------------------------------
  const keyOf = (file) => `upload:${file.name}:${file.size}:${file.lastModified}`;
  const remember = (file, id) => { try { localStorage.setItem(keyOf(file), id); } catch { /* private windows may refuse */ } };
  const recall = (file) => { try { return localStorage.getItem(keyOf(file)); } catch { return null; } };
  const forget = (file) => { try { localStorage.removeItem(keyOf(file)); } catch { /* as above */ } };

  // --- the line to the server ------------------------------------------------------------------------------
  class Refused extends Error {}

  async function ask(method, path, body) {
    const answer = await fetch(path, {
      method,
      headers: { "X-CSRFToken": token, Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
    const said = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
    if (answer.ok) return said;
    if (answer.status === 404) return null;
    if (answer.status >= 500 || answer.status === 429) throw new Error(`The server answered ${answer.status}.`);
    throw new Refused(wordsOf(answer.status, said));
  }
  function wordsOf(status, said) {
    if (status === 401 || status === 403) return "Your session has ended or you may not do this. Sign in again and choose the same file: what has arrived is kept.";
    return said.errors?.[0]?.message || said.errors?.[0]?.detail || said.detail || `The server refused the file (${status}).`;
  }

  async function digestOf(blob) {
    if (!window.crypto?.subtle) return ""; // not over plain http
    const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function put(state, index, blob, digest) {
    return new Promise((resolve, reject) => {
      const line = new XMLHttpRequest(); // fetch cannot say how far a body is
      state.lines.add(line);
      line.open("PUT", `${address}${state.id}/chunks/${index}/`);
      line.setRequestHeader("X-CSRFToken", token);
      line.setRequestHeader("Accept", "application/json");
      line.setRequestHeader("Content-Type", "application/octet-stream");
      if (digest) line.setRequestHeader("Content-SHA256", digest);
      line.upload.onprogress = (event) => { state.flying.set(index, event.loaded); show(); };
      line.onload = () => {
        if (line.status < 300) return resolve();
        let said = {};
        try { said = JSON.parse(line.responseText); } catch { /* not ours */ }
        const passing = line.status >= 500 || line.status === 429 || said.code === "chunk-mismatch";
        return reject(passing ? new Error("again") : new Refused(wordsOf(line.status, said)));
      };
      line.onerror = () => reject(new Error("The line was lost."));
      line.onabort = () => reject(new Error("stopped"));
      line.onloadend = () => { state.lines.delete(line); state.flying.delete(index); };
      line.send(blob);
    });
  }

  const rest = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

  async function sendPiece(state, index) {
    const start = index * state.chunk;
    const blob = state.file.slice(start, start + state.chunk);
    for (let attempt = 0; ; attempt += 1) {
      try {
        await put(state, index, blob, await digestOf(blob));
        state.sent += blob.size;
        return;
      } catch (problem) {
        if (problem.name === "NotReadableError") throw new Refused("The file has changed or is gone since you chose it. Choose it again.");
        if (problem instanceof Refused || state.paused || state !== now || attempt >= TRIES) throw problem;
        await rest(Math.min(2 ** attempt, 30));
      }
    }
  }

  async function work(state) {
    while (state.left.length && !state.paused && state === now) {
      const index = state.left.shift();
      try {
        await sendPiece(state, index);
      } catch (problem) {
        state.left.unshift(index);
        throw problem;
      }
      show();
    }
  }

  async function go(state) {
    state.paused = false;
    state.since = performance.now();
    state.before = state.sent;
    complain("");
    show();
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, () => work(state)));
    } catch (problem) {
      if (state !== now || state.paused) return;
      state.paused = true;
      for (const line of state.lines) line.abort();
      complain(problem instanceof Refused ? problem.message : "The line was lost. What has arrived is kept; press “Go on” to send the rest.");
      show();
      return;
    }
    if (state !== now || state.paused || state.left.length) return;
    state.complete = true;
    field.value = state.id;
    forget(state.file);
    show();
    say(`${state.file.name} is uploaded.`);
    if (state.waiting) sendOn();
  }

  function sendOn() {
    form.dataset.sure = "yes"; // whoever sent the form while it waited has answered its question
    form.requestSubmit();
    delete form.dataset.sure;
  }

  async function begin(file) {
    complain("");
    if (!file.size) return complain("The file is empty: it holds 0 bytes. Look where it was made, and choose another.");
    if (file.size > LARGEST) return complain(`The file holds ${sized(file.size)}; ${sized(LARGEST)} are allowed. Split it, or send it as Parquet.`);
    const state = { file, id: "", chunk: 0, left: [], sent: 0, before: 0, since: 0, flying: new Map(), lines: new Set(), paused: false, complete: false, waiting: false };
    now = state;
    field.value = "";
    show();
    suggest(file);
    (form.elements.name || part("pause")).focus();
    try {
      const known = recall(file);
      let upload = known ? await ask("GET", `${address}${known}/`) : null;
      if (!upload || upload.completed_at || upload.size !== file.size) upload = await ask("POST", address, { name: file.name, size: file.size });
      if (!upload) throw new Refused("The server takes no uploads at this address.");
      if (state !== now) return;
      const there = new Set(upload.received);
      state.id = upload.id;
      state.chunk = upload.chunk_size;
      for (let index = 0; index < upload.chunk_count; index += 1) {
        if (there.has(index)) state.sent += Math.min(state.chunk, file.size - index * state.chunk);
        else state.left.push(index);
      }
      remember(file, upload.id);
      if (there.size) say(`Going on where it stopped: ${there.size} of ${upload.chunk_count} pieces are there.`);
      await go(state);
    } catch (problem) {
      if (state !== now) return;
      now = null;
      show();
      complain(problem instanceof Refused ? problem.message : "The server did not answer. Try again in a moment; nothing is lost.");
    }
  }

  function suggest(file) {
    const name = form.elements.name;
    if (!name || name.value.trim()) return;
    const words = file.name.replace(/(\.(csv|tsv|txt|tab|jsonl?|ndjson|parquet|xlsx|gz|zip))+$/i, "").replace(/[_]+/g, " ").trim();
    name.value = words.charAt(0).toUpperCase() + words.slice(1, 160);
  }

  function stop() {
    const state = now;
    if (!state) return;
    now = null;
    for (const line of state.lines) line.abort();
    forget(state.file);
    field.value = "";
    input.value = "";
    if (state.id) ask("DELETE", `${address}${state.id}/`).catch(() => {});
    complain("");
    show();
    say("The upload is cancelled.");
    input.focus();
  }

  // --- hands ----------------------------------------------------------------------------------------------
  input.addEventListener("change", () => input.files[0] && begin(input.files[0]));
  if (input.files[0] && !field.value) begin(input.files[0]); // chosen before this script was there
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("drop-over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("drop-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("drop-over");
    const file = event.dataTransfer.files[0];
    if (event.dataTransfer.files.length > 1) return complain("One file at a time.");
    if (file) begin(file);
    return undefined;
  });
  part("cancel").addEventListener("click", stop);
  part("pause").addEventListener("click", () => {
    if (!now || now.complete) return;
    if (now.paused) { go(now); return; }
    now.paused = true;
    for (const line of now.lines) line.abort();
    show();
  });
  form.addEventListener("submit", (event) => {
    if (!now || now.complete) return; // the server says what is missing
    event.preventDefault();
    now.waiting = true;
    if (now.paused) go(now);
    show();
    say("It goes on as soon as the file has arrived.");
  });
  window.addEventListener("beforeunload", (event) => {
    if (now && !now.complete && !now.paused) event.preventDefault();
  });
  // A form that came back with errors still has its file.
  if (field.value) {
    part("status").hidden = false;
    drop.hidden = true;
    part("words").textContent = "Uploaded.";
    part("bar").value = 1;
    part("pause").hidden = true;
    part("name").textContent = "Your file";
    part("cancel").addEventListener("click", () => window.location.assign(window.location.href));
  }
})();
