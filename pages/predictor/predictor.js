// Runs in the head of the Predict widget: fits it into the Streamlit page around it, and takes photographs that are pasted or
// dropped anywhere.
(() => {
  // Gradio's client warns of a part of its own that it has left out, each time it closes a stream.
  const warn = console.warn.bind(console);
  console.warn = (...said) => said[0] === "Method not implemented." || warn(...said);

  const frame = window.frameElement; // null when the widget is opened by itself, or from another site
  const page = frame ? window.parent.document : null;
  const gone = new AbortController();
  window.addEventListener("pagehide", () => gone.abort());

  const give = (files, event) => {
    const input = document.querySelector("#photographs input[type=file]");
    if (!files || !files.length || !input) return;
    event.preventDefault();
    event.stopPropagation();
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change"));
  };
  for (const place of page ? [document, page] : [document]) {
    place.addEventListener("paste", (event) => give(event.clipboardData?.files, event), { signal: gone.signal });
  }
  // A photograph dropped beside the drop zone would otherwise replace the page.
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => give(event.dataTransfer?.files, event));

  // A list of models opens when it gets the focus, which it keeps when Escape closes it: a click would do nothing then.
  document.addEventListener("pointerdown", ({ target }) => {
    if (target.matches?.("input[role=combobox][aria-expanded=false]")) target.blur();
  }, { capture: true });

  // The arrow keys show the next photograph, wherever the focus is, except where they mean something else.
  const turn = (event) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    const taken = event.target.closest?.(
      "input, textarea, select, [role=combobox], [role=listbox], [role=tab], [contenteditable]",
    );
    if (!by || taken || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const photographs = [...document.querySelectorAll("#strip button[data-index]")];
    const next = photographs[photographs.findIndex((each) => each.getAttribute("aria-pressed") === "true") + by];
    if (photographs.length < 2) return;
    event.preventDefault(); // the page would scroll
    next?.click();
  };
  for (const place of page ? [document, page] : [document]) place.addEventListener("keydown", turn, { signal: gone.signal });

  // The picture alone on the whole screen: by itself the button fills the frame, which is much higher than the window.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#picture-1 button, #picture-2 button");
    if (!button || !/fullscreen/i.test(button.getAttribute("aria-label") ?? "")) return;
    event.stopPropagation();
    button.closest("#picture-1, #picture-2").querySelector("img")?.requestFullscreen();
  }, { capture: true });

  if (!frame) return;
  frame.title = "Predict: masks of two models on your photographs";
  frame.style.border = "0";
  document.documentElement.classList.add("embedded");
  const fit = () => {
    document.documentElement.style.setProperty("--screen", `${window.parent.innerHeight}px`);
    const content = document.querySelector("gradio-app main > .column"); // what is around it grows with the frame
    if (content) {
      const bottom = content.getBoundingClientRect().bottom + window.scrollY;
      const height = `${Math.max(520, Math.ceil(bottom) + 16)}px`; // a list of models needs room to open
      if (frame.style.height !== height) frame.style.height = height;
      const box = frame.parentElement; // what comes after the widget would else stand below the height that it began with
      if (box.style.flex !== "0 0 auto") Object.assign(box.style, { flex: "0 0 auto", height: "auto" });
    }
    const app = page.querySelector(".stApp");
    if (app && document.body) {
      const dark = getComputedStyle(app).colorScheme.includes("dark");
      if (document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
    }
  };
  setInterval(fit, 250);
})();
