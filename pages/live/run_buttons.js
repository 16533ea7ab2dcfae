// Buttons that stop runs or let them go on. Joined in front of the components that show them. A press is shown at once, before the
// app has answered it.

// Addresses below /api/runs/{id}, and what will become of the run.
const DOES = {
  later: ["stop?after_epoch=true", { stop_after_epoch: true }],
  keep: ["keep-going", { stop_after_epoch: false }],
  stop: ["stop", { status: "stopping", can_stop: false }],
  remove: ["stop", { status: "stopped", is_active: false, can_stop: false }],
  resume: ["resume", { status: "queued", phase: "waiting", message: "", is_active: true, can_stop: true, can_resume: false }],
};
const HELP = {
  later: "Finish the current epoch first, so that none is repeated on resuming.",
  keep: "Do not stop after this epoch.",
  stop: "The model trained so far is kept.",
  remove: "It can be queued again with Resume.",
  resume: "Continue after the last whole epoch.",
};

// The actions that a run allows; a viewer has none.
function actionsOf(run) {
  if (window.lesionlabViewer) return [];
  if (run.status === "queued") return ["remove"];
  if (run.can_resume) return ["resume"];
  if (run.status !== "running") return [];
  return run.stop_after_epoch ? ["keep", "stop"] : run.epoch < run.config.epochs ? ["later", "stop"] : ["stop"];
}

// What a button offers: its text and its name for screen readers, and the [run, action] pairs that a press begins.
const offersOf = (run, texts) =>
  actionsOf(run).map((action) => ({ action, text: texts[action][0], name: texts[action][1] ?? "", acts: [[run, action]] }));

function offersOfGroup(id, members) {
  const acts = members.flatMap((run) => actionsOf(run).map((action) => [run, action]));
  const stops = acts.filter(([, action]) => action === "stop" || action === "remove");
  const resumes = acts.filter(([, action]) => action === "resume");
  return [
    { action: "stop", text: "Stop all", name: `Stop all of group ${id}`, acts: stops },
    { action: "resume", text: `Resume ${resumes.length}`, name: `Resume ${resumes.length} of group ${id}`, acts: resumes },
  ].filter((offer) => offer.acts.length);
}

class RunButtons {
  // `report(text)` gets why an action was refused, or "" when one begins.
  constructor(parent, report) {
    this.root = parent.appendChild(element("span", "run-buttons"));
    this.report = report;
  }

  show(offers) {
    this.acts = new Map(offers.map(({ action, acts }) => [action, acts]));
    const drawn = JSON.stringify(offers.map(({ action, text, name }) => [action, text, name]));
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const focused = this.root.contains(document.activeElement);
    this.root.hidden = !offers.length;
    this.root.replaceChildren(...offers.map(({ action, text, name }) => {
      const button = Object.assign(element("button", "", text), { type: "button", title: HELP[action] });
      if (name) button.setAttribute("aria-label", name);
      button.addEventListener("click", () => this.press(action));
      return button;
    }));
    if (focused) this.root.querySelector("button")?.focus();
  }

  async press(action) {
    this.report("");
    const refused = await Promise.all(this.acts.get(action).map(([run, does]) => feed.act(run.id, ...DOES[does])));
    this.report(refused.find(Boolean) ?? "");
  }
}
