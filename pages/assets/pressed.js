// Marks a button that was pressed until the page has been drawn anew, which takes seconds on a busy machine.
const STARTS_MS = 3000; // until it is given up that the page is drawn anew
if (!window.lesionlabPressed) {
  window.lesionlabPressed = true;
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".stButton button:enabled"), app = document.querySelector("[data-test-script-state]");
    if (!button || !app) return;
    button.dataset.pressed = "yes";
    let started = false;
    const watch = new MutationObserver(() => {
      const rests = app.dataset.testScriptState === "notRunning";
      if (rests && started) finish();
      started ||= !rests;
    });
    const finish = () => {
      delete button.dataset.pressed;
      watch.disconnect();
    };
    watch.observe(app, { attributes: true });
    setTimeout(() => started || finish(), STARTS_MS);
  }, true);
}
