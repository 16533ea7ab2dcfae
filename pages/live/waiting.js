// What a run without a whole epoch waits for, from the shared feed. Joined in front of the components that say so.
const isAtWork = (run) => run.status === "running" || run.status === "stopping";

// In one phrase; "" for a run that has an epoch.
function waitsFor(run) {
  if (run.status === "queued") return placeInQueue(run);
  if (run.epochs_done) return "";
  if (!isAtWork(run)) return "ended before its first epoch";
  if (run.phase === "waiting") return "starts";
  if (run.phase === "preparing") return run.message ? run.message[0].toLowerCase() + run.message.slice(1) : "prepares its data";
  return run.phase === "validating" ? "first epoch, validation" : `first epoch, batch ${run.batch} of ${run.batches}`;
}

function placeInQueue(run) {
  const place = feed.queue.indexOf(run.id);
  if (place < 0) return "queued";
  const ahead = feed.runs.get(feed.queue[place - 1]);
  if (ahead) return `number ${place + 1} in the queue, behind ${ahead.label}`;
  const training = [...feed.runs.values()].filter(isAtWork).map(({ label, epochs_done: done, config: { epochs } }) =>
    `${label} (epoch ${Math.min(done + 1, epochs)} of ${epochs})`
  );
  return training.length ? `next in the queue, after ${training.join(" or ")}` : "next in the queue, starts in a moment";
}
