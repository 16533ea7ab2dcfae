// What all components need: this text stands in front of theirs.
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

// When the visitor last clicked anything, and last clicked a link to another page: every component is a module of its own, so this is
// kept on the window.
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

// A visitor who has clicked a link is on the way to another page. What a component of the old page tells Streamlit in that moment would
// have that page drawn once more, and that can win over the click.
const LEAVING_MS = 2000;
const unlessLeaving = (madeAt, tell) => (...told) => {
  if (visitor.leftAt < madeAt || performance.now() - visitor.leftAt > LEAVING_MS) tell(...told);
};

// A value that both the visitor and the page can set. The page's answer to what it was told is no news: more may have happened since.
class Shared {
  constructor() {
    this.sent = [];
  }

  told(value) {
    this.sent.push(value);
  }

  // Whether what the page gives was set there: by a link, say, or another part.
  isNews(value) {
    const answered = this.sent.indexOf(value), news = answered < 0 && value !== this.given;
    this.sent = answered < 0 ? (news ? [] : this.sent) : this.sent.slice(answered + 1);
    this.given = value;
    return news;
  }
}

// The function that Streamlit calls: one `Part` for each place in the page, shown anew with new data, closed when it goes.
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
