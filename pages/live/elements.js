// What all components need: this text stands in front of theirs.
const element = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

