// Everything here is a convenience: without it each page can be read, filtered and paged.
const root = document.documentElement;
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const first = (selector) => document.querySelector(selector);

// Preferences are cookies of the viewer's own path, so that the server writes the attributes and nothing flashes.
const cookie = (name) => document.cookie.split("; ").find((pair) => pair.startsWith(`messaging_${name}=`))?.split("=")[1];
const keep = (name, value) => {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `messaging_${name}=${value}; Path=${root.dataset.root}; Max-Age=31536000; SameSite=Strict${secure}`;
};

const say = (text) => {
  const toast = first(".toast");
  toast.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { toast.textContent = ""; }, 3500);
};

const actions = {
  theme() {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    keep("theme", root.dataset.theme = dark ? "light" : "dark");
  },
  density() { keep("density", root.dataset.density = root.dataset.density === "compact" ? "roomy" : "compact"); },
  live(button) {
    button.setAttribute("aria-pressed", !isOn());
    label(isOn() ? "Live" : "Paused");
  },
  fresh() { location.reload(); },
  narrow(button) {
    const on = button.closest(".card").querySelector(".frame").classList.toggle("narrow");
    button.setAttribute("aria-pressed", on);
  },
  async copy(button) {
    const value = button.dataset.value || location.href;
    try { await navigator.clipboard.writeText(value); say("Copied"); } catch { say(value); }
  },
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) actions[button.dataset.do]?.(button);
});

// Live updates by polling: with jitter, not in hidden tabs, not after half an hour without a touch.
const follower = first("[data-live][data-url]");
const live = { wait: 0, touched: Date.now(), since: 0 };
const label = (text) => { follower.querySelector(".label").textContent = text; };
const isOn = () => follower.getAttribute("aria-pressed") === "true";
const isIdle = () => document.hidden || Date.now() - live.touched > 1800000;
const swap = async () => {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) throw new Error(answer.status);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const parts = all("main [data-live]", fresh);
  all("main [data-live]").forEach((part, index) => {
    if (parts[index] && !part.querySelector(":popover-open") && !part.contains(document.activeElement)) part.replaceWith(document.adoptNode(parts[index]));
  });
};
const doubt = (mark) => {
  const flag = document.createElement("span");
  const icon = mark.querySelector("svg").cloneNode(true);
  icon.firstElementChild.setAttribute("href", "#i-doubt");
  flag.className = "flag";
  flag.append(icon, "in doubt");
  return flag;
};
const show = (change) => {
  const mark = first(`tr[data-id="${change.id}"] .st`);
  if (!mark) return;
  mark.className = `st ${change.status}`;
  mark.querySelector("use").setAttribute("href", `#i-${change.status}`);
  mark.lastChild.textContent = change.word;
  const flag = mark.parentElement.querySelector(".flag");
  if (flag && !change.inDoubt) flag.remove();
  if (!flag && change.inDoubt) mark.after(" ", doubt(mark));
};
const announce = (number) => {
  live.since += number;
  const fresh = first(".fresh");
  if (!fresh || !live.since) return;
  fresh.textContent = live.since === 1 ? "1 new message. Show it" : `${live.since} new messages. Show them`;
  fresh.hidden = false;
};
const poll = async () => {
  if (follower.dataset.live === "page") return swap();
  const url = follower.dataset.url;
  const answer = await fetch(`${url}${url.includes("?") ? "&" : "?"}after=${follower.dataset.position}`);
  if (answer.status === 204) return;
  if (!answer.ok) throw new Error(answer.status);
  const changes = await answer.json();
  follower.dataset.position = changes.position;
  if (follower.dataset.live === "list") {
    changes.changed.forEach(show);
    announce(changes.new);
  } else if (changes.reload || changes.changed.some((change) => location.pathname.endsWith(change.id))) await swap();
};
const tick = async () => {
  const seconds = Number(follower.dataset.seconds) * (0.85 + 0.3 * Math.random());
  if (isOn() && !isIdle()) {
    try { await poll(); live.wait = 0; label("Live"); follower.classList.remove("off"); } catch {
      if (!live.wait) label(`Not live since ${new Date().toTimeString().slice(0, 5)}`);
      follower.classList.add("off");
      live.wait = Math.min(120, live.wait * 2 || seconds);
    }
  }
  setTimeout(tick, 1000 * Math.max(seconds, live.wait));
};
if (follower) {
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { live.touched = Date.now(); });
  setTimeout(tick, 1000 * follower.dataset.seconds);
}

// A job goes on by itself while its page is open, and stands still when it is closed.
for (const form of all("form[data-auto]")) setTimeout(() => form.requestSubmit(), form.dataset.auto);

for (const button of all("[data-needs-script]")) button.hidden = false;
if (matchMedia("(min-width: 60.01rem)").matches) for (const more of all(".rail details")) more.open = true;
for (const here of all(".nav [aria-current], .statuses [aria-current], .tabs [aria-current]")) {
  const strip = here.closest("ul, nav");
  strip.scrollLeft += here.getBoundingClientRect().left - strip.getBoundingClientRect().left - 16;
}

// A time is copied as programs read it.
addEventListener("copy", (event) => {
  const chosen = getSelection();
  const node = chosen.anchorNode;
  const time = (node instanceof Element ? node : node?.parentElement)?.closest("time");
  if (!time?.contains(chosen.focusNode)) return;
  event.clipboardData.setData("text/plain", time.dateTime);
  event.preventDefault();
});

// The server writes times in the zone of this browser, once it knows it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && cookie("zone") !== encodeURIComponent(zone)) keep("zone", encodeURIComponent(zone));

// Single keys: off while typing, off as a whole when the visitor wishes so. None sends or deletes.
const wish = first("#keys-on");
if (wish) {
  wish.checked = cookie("keys") !== "off";
  wish.addEventListener("change", () => keep("keys", wish.checked ? "on" : "off"));
}
const rows = all(".list tbody tr");
let at = -1;
const move = (step) => {
  if (!rows.length) return;
  rows[at]?.classList.remove("on");
  at = Math.max(0, Math.min(rows.length - 1, at + step));
  rows[at].classList.add("on");
  rows[at].querySelector("a").focus();
  rows[at].scrollIntoView({ block: "nearest" });
};
const follow = (selector) => first(selector)?.click();
const keys = {
  "/": () => first("#q")?.focus(),
  j: () => (rows.length ? move(1) : follow("[rel=next]")),
  k: () => (rows.length ? move(-1) : follow("[rel=prev]")),
  u: () => follow(".crumbs a, .brand"),
  o: () => follow(".nav [data-page=operations]"),
  l: () => follow("[data-do=live]"),
  t: actions.theme,
  "?": () => first("#keys")?.showPopover(),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || cookie("keys") === "off") return;
  if (event.target.closest("input, select, textarea, [popover], [contenteditable]")) return;
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (act) { event.preventDefault(); act(); }
});
