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

for (const button of all("[data-needs-script]")) button.hidden = false;
if (matchMedia("(min-width: 60.01rem)").matches) for (const more of all(".rail details")) more.open = true;
const here = first(".nav [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - 16;

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
