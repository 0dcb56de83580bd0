"""A report renders in a browser: nothing overlaps, nothing is cut off, nothing is asked of the network, and it prints."""

import json
import re
import subprocess

import h5py
import numpy as np
import pytest

WIDTHS = [1400, 420]

# Bounding boxes of all text that is seen, as the browser lays it out with its own fonts.
MEASURE = """
<script>
window.addEventListener("load", () => {
const boxes = [];
for (const node of document.querySelectorAll("svg text")) {
  const b = node.getBoundingClientRect(), s = node.ownerSVGElement;
  let outer = s; while (outer.ownerSVGElement) outer = outer.ownerSVGElement;
  const o = outer.getBoundingClientRect();
  boxes.push({text: node.textContent, figure: [...document.querySelectorAll("svg")].indexOf(outer),
    box: [b.left, b.top, b.right, b.bottom], frame: [o.left, o.top, o.right, o.bottom]});
}
for (const node of document.querySelectorAll("h1,h2,h3,p,dt,dd,li,figcaption,td,th,caption,summary")) {
  const b = node.getBoundingClientRect();
  if (b.width > 0) boxes.push({text: node.textContent.slice(0, 60), figure: -1, box: [b.left, b.top, b.right, b.bottom],
    frame: [0, 0, document.documentElement.clientWidth, 1e9]});
}
const drawings = [...document.querySelectorAll("svg")].filter(s => !s.ownerSVGElement).map(s => { const b = s.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; });
const sizes = [...document.querySelectorAll("svg text")].map(t => t.getBoundingClientRect().height);
const found = document.createElement("pre");
found.id = "found";
found.textContent = JSON.stringify({boxes, drawings, width: document.documentElement.scrollWidth, window: document.documentElement.clientWidth,
  fetched: performance.getEntriesByType("resource").map(e => e.name),
  smallest: Math.min(...[...document.querySelectorAll("svg")].filter(s => !s.ownerSVGElement).map(s => 12 * s.getBoundingClientRect().width / s.viewBox.baseVal.width))});
document.body.appendChild(found);
});
</script>
</body>"""


@pytest.fixture(scope="module")
def report(tauscope, tmp_path_factory):
    """The page of a fit of 64 outputs with long labels, and its result."""
    folder = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    labels = [f"left <hemisphere> & area-{i}" if i % 3 else f"v{i}" for i in range(64)]
    with h5py.File(folder / "d.h5", "w") as data:
        data.attrs.update(tauscope_format="dataset", schema_version=1, time_units="ms", interpolation="hold")
        data["time"] = 20.0 * np.arange(26)
        data["inputs"] = rng.normal(size=(10, 26, 3))
        data["targets"] = 1 / (1 + np.exp(-rng.normal(size=(10, 26, 64)).cumsum(axis=1) / 3))
        data["output"] = labels
    run = lambda *words: subprocess.run([tauscope, *words, "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    run("fit", "d.h5", "--starts", "2", "--max-iterations", "3", "--l2", "0", "--optimizer", "lbfgs", "--activation", "sigmoid", "--rtol", "1e-3", "--out", "f.h5")
    return folder / "f.html"


@pytest.fixture
def chromium(debian, tmp_path):
    program = debian("chromium", "chromium")

    def run(*words):
        quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update"]
        own = [f"--user-data-dir={tmp_path / 'profile'}", "--no-first-run", "--disable-sync", "--disable-extensions"]
        done = subprocess.run([program, *quiet, *own, *words], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def measured(chromium, page, tmp_path, width):
    # the page's own policy forbids scripts: the copy that is measured goes without it
    html = re.sub(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>", "", page.read_text())
    assert html.count("</body>") == 1
    copy = tmp_path / "measured.html"
    copy.write_text(html.replace("</body>", MEASURE))
    dom = chromium(f"--window-size={width},2000", "--dump-dom", copy.as_uri())
    text = re.search(r'<pre id="found">(.*?)</pre>', dom, re.S).group(1)
    for entity, sign in [("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]:
        text = text.replace(entity, sign)
    return json.loads(text)


def overlap(a, b):
    """How far two boxes lie in each other, in pixels: text may touch, and boxes are a little larger than letters."""
    return min(a[2], b[2]) - max(a[0], b[0]) > 1.0 and min(a[3], b[3]) - max(a[1], b[1]) > 3.5


def collisions(boxes):
    seen = sorted(boxes, key=lambda each: each["box"][1])
    for i, one in enumerate(seen):
        for other in seen[i + 1 :]:
            if other["box"][1] > one["box"][3]:
                break
            if overlap(one["box"], other["box"]):
                yield one["text"], other["text"]


@pytest.mark.parametrize("width", WIDTHS)
def test_no_text_of_a_report_overlaps_or_is_cut_off(report, chromium, tmp_path, width):
    found = measured(chromium, report, tmp_path, width)
    in_figures = [each for each in found["boxes"] if each["figure"] >= 0]
    assert len(in_figures) > 200
    figures = {each["figure"] for each in in_figures}
    for figure in figures:
        inside = [each for each in in_figures if each["figure"] == figure]
        assert list(collisions(inside)) == []
    outside = [
        each["text"]
        for each in found["boxes"]
        if each["box"][0] < each["frame"][0] - 1 or each["box"][2] > each["frame"][2] + 1 or each["box"][3] > each["frame"][3] + 1
    ]
    assert outside == []
    assert found["width"] <= found["window"]
    assert found["smallest"] > 9.5
    drawings = found["drawings"]
    assert not any(overlap(a, b) for i, a in enumerate(drawings) for b in drawings[:i])


def test_a_report_asks_nothing_of_the_network(report, chromium, tmp_path):
    assert measured(chromium, report, tmp_path, 1400)["fetched"] == []
    # the same page with a picture from elsewhere, lest the question have no answer
    other = tmp_path / "other.html"
    other.write_text(report.read_text().replace("</body>", '<img src="http://127.0.0.1:9/x.png"></body>'))
    assert measured(chromium, other, tmp_path, 1400)["fetched"] == ["http://127.0.0.1:9/x.png"]


def test_a_report_prints(report, chromium, tmp_path):
    pdf = tmp_path / "report.pdf"
    chromium(f"--print-to-pdf={pdf}", "--no-pdf-header-footer", report.as_uri())
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type\s*/Page\b", content))
    assert 4 <= pages <= 40


def test_a_picture_is_rendered_and_not_blank(report, chromium, tmp_path):
    picture = tmp_path / "report.png"
    chromium(f"--screenshot={picture}", "--window-size=1400,3000", "--hide-scrollbars", report.as_uri())
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 50_000
