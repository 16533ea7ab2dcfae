// Shows the browser's notification when a run ends or passes a target, once for all tabs, where the visitor has switched that on.
// `pages/live/notify_switch.js` is the switch.
if (!window.lesionlabNotify) {
  const EVERY_MS = 4000;
  const base = window.lesionlabBase ?? "";
  const keys = { on: `lesionlab-notify${base}`, told: `lesionlab-told${base}`, asked: `lesionlab-asked${base}` };

  const isOn = () =>
    localStorage.getItem(keys.on) === "on" && window.isSecureContext && window.Notification?.permission === "granted";

  const ask = async (query) => {
    const answer = await fetch(`${base}/api/alerts${query}`, { signal: AbortSignal.timeout(20_000) });
    if (!answer.ok) throw new Error(`/api/alerts: ${answer.status}`);
    return answer.json();
  };

  const show = (alert) => {
    const shown = new Notification(alert.title, {
      body: alert.message,
      icon: `${base}/assets/mark.svg`,
      tag: `lesionlab${base}-${alert.id}`,
    });
    shown.onclick = () => {
      window.focus();
      if (alert.run) location.assign(`${base}/monitor?run=${alert.run}`);
      shown.close();
    };
  };

  // One tab at a time asks, and another one not before it is time again.
  const look = async () => {
    if (Date.now() - Number(localStorage.getItem(keys.asked)) < EVERY_MS - 500) return;
    localStorage.setItem(keys.asked, Date.now());
    const told = Number(localStorage.getItem(keys.told) ?? NaN);
    const { newest, alerts } = await ask(Number.isNaN(told) ? "" : `?after=${told}`);
    localStorage.setItem(keys.told, newest); // first: what cannot be shown is not tried for ever
    if (newest < told) return; // another database
    try {
      alerts.forEach(show);
    } catch { // a browser whose pages may not notify by themselves, as on Android
      localStorage.setItem(keys.on, "unable");
      window.dispatchEvent(new Event("lesionlab-notify"));
    }
  };

  const tick = async () => {
    if (isOn()) {
      await navigator.locks.request(keys.on, { ifAvailable: true }, (lock) => lock && look()).catch(() => {}); // no app, or signed out
    }
    setTimeout(tick, EVERY_MS);
  };

  // Switched on, it tells of what happens from now on.
  const switchOn = async () => {
    if ((await Notification.requestPermission()) !== "granted") return;
    const { newest } = await ask("");
    localStorage.setItem(keys.told, newest);
    localStorage.setItem(keys.on, "on");
  };

  window.lesionlabNotify = {
    state: () => localStorage.getItem(keys.on) ?? "off",
    isOn,
    switchOn,
    switchOff: () => localStorage.setItem(keys.on, "off"),
  };
  tick();
}
