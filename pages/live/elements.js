// Helpers of all components. Each component is sent as one script: the files that it shares with others, then its own.
// The address of something that the app serves; `pages/server/shell.py` says below which path the app stands.
const address = (path) => (path.startsWith("/") ? `${window.lesionlabBase ?? ""}${path}` : path);
const element = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
const setText = (part, text) => {
  if (part.textContent !== text) part.textContent = text;
};

const duration = (seconds) => {
  if (seconds == null) return "";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
};

// When the visitor last clicked anything, and last clicked a link to another page. Kept on the window, since every component is a
// module of its own.
const visitor = (window.lesionlabVisitor ??= watchVisitor());

function watchVisitor() {
  const times = { clickedAt: -Infinity, leftAt: -Infinity };
  document.addEventListener("click", (event) => {
    times.clickedAt = performance.now();
    const link = event.target.closest?.("a[href]");
    const leaves = link && link.origin === location.origin && link.pathname !== location.pathname && !link.target;
    if (leaves && !event.ctrlKey && !event.metaKey) times.leftAt = times.clickedAt;
  }, true);
  return times;
}

// After a click on a link to another page, components keep silent for a moment: a message to Streamlit would draw the old page
// once more, and that can win over the click.
const LEAVING_MS = 2000;
const unlessLeaving = (madeAt, tell) => (...told) => {
  if (visitor.leftAt < madeAt || performance.now() - visitor.leftAt > LEAVING_MS) tell(...told);
};

// A value that both the visitor and the page can set. The page repeats what it was told; that is no news, since the visitor may
// have changed the value again.
class Shared {
  constructor() {
    this.sent = [];
  }

  told(value) {
    this.sent.push(value);
  }

  // True if the page itself has set the value: by a link, for example.
  isNews(value) {
    const answered = this.sent.indexOf(value), news = answered < 0 && value !== this.given;
    this.sent = answered < 0 ? (news ? [] : this.sent) : this.sent.slice(answered + 1);
    this.given = value;
    return news;
  }
}

// The function that Streamlit calls. It makes one `Part` for each place in the page, shows it with new data, and closes it at the
// end.
function component(Part) {
  const parts = new WeakMap();
  return ({ data, parentElement, setStateValue, setTriggerValue }) => {
    if (!parts.has(parentElement)) parts.set(parentElement, { part: new Part(parentElement), madeAt: performance.now() });
    const { part, madeAt } = parts.get(parentElement);
    part.show(data, unlessLeaving(madeAt, setStateValue), unlessLeaving(madeAt, setTriggerValue));
    return () => {
      parts.get(parentElement)?.part.close();
      parts.delete(parentElement);
    };
  };
}
