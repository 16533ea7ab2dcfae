// What all components need: this text stands in front of theirs.
const element = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
const setText = (part, text) => { if (part.textContent !== text) part.textContent = text; };

const duration = (seconds) => {
  if (seconds == null) return "";
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
};

// The function that Streamlit calls: one `Part` for each place in the page, shown anew with new data, closed when it goes.
function component(Part) {
  const parts = new WeakMap();
  return ({ data, parentElement, setStateValue, setTriggerValue }) => {
    if (!parts.has(parentElement)) parts.set(parentElement, new Part(parentElement));
    parts.get(parentElement).show(data, setStateValue, setTriggerValue);
    return () => {
      parts.get(parentElement)?.close();
      parts.delete(parentElement);
    };
  };
}
