// A switch for the notifications of this browser, which `pages/assets/notify.js` shows on every page.
const NOTIFY_INSECURE = "Browsers notify only of sites at https:// or on localhost; this page is at neither.";
const NOTIFY_REFUSED =
  "This browser refuses notifications of this site; allow them in its settings for this address, then switch it on again.";
const NOTIFY_UNABLE = "This browser cannot notify of pages; one on a computer can.";
const NOTIFY_SILENT = "The app does not answer; try again.";

class NotifySwitch {
  constructor(parent) {
    this.root = parent.querySelector(".notify-switch") ?? parent.appendChild(element("div", "notify-switch"));
    const label = element("label", "notify-label"), words = element("span", "", "Notify in this browser");
    this.box = Object.assign(element("input", "notify-box"), { type: "checkbox", role: "switch" });
    label.append(this.box, words);
    this.says = Object.assign(element("p", "notify-says"), { role: "status" });
    this.root.replaceChildren(label, this.says);
    this.box.addEventListener("change", () => this.change());
    this.draw = this.draw.bind(this);
    window.addEventListener("lesionlab-notify", this.draw);
    window.addEventListener("storage", this.draw); // switched in another tab
  }

  show() {
    this.draw();
  }

  async change() {
    const wanted = this.box.checked;
    let failed = "";
    if (!wanted) window.lesionlabNotify.switchOff();
    else await window.lesionlabNotify.switchOn().catch(() => failed = NOTIFY_SILENT);
    this.draw();
    if (failed) setText(this.says, failed);
  }

  draw() {
    const able = window.isSecureContext && "Notification" in window;
    const refused = able && Notification.permission === "denied", unable = window.lesionlabNotify?.state() === "unable";
    this.box.disabled = !able;
    this.box.checked = Boolean(window.lesionlabNotify?.isOn());
    setText(this.says, !able ? NOTIFY_INSECURE : refused ? NOTIFY_REFUSED : unable ? NOTIFY_UNABLE : "");
    this.says.hidden = !this.says.textContent;
  }

  close() {
    window.removeEventListener("lesionlab-notify", this.draw);
    window.removeEventListener("storage", this.draw);
  }
}

export default component(NotifySwitch);
