"""The page in a browser: nothing on the console, nothing beyond a phone's edge, every figure labelled."""

import html.parser
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from compactrl.reports.report import compare

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
pytestmark = pytest.mark.xdist_group("page")  # drawn once

LARGEST = 5_000_000
"""Bytes of a page of 30 runs."""


@pytest.fixture(scope="module")
def page(runs_of_all_kinds, tmp_path_factory):
    """A page with every kind of figure on it."""
    return compare(runs_of_all_kinds).save(tmp_path_factory.mktemp("page") / "page.html")


class Figures(html.parser.HTMLParser):
    """Counts figures, and what labels them."""

    def __init__(self):
        super().__init__()
        self.figures, self.titles, self.captions, self.labels, self.ids = 0, 0, 0, [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.figures += tag == "figure"
        self.titles += tag == "h4"
        self.captions += tag == "figcaption"
        if tag == "svg":
            assert values["role"] == "img"
            self.labels.append(values["aria-label"])
        if "id" in values:
            self.ids.append(values["id"])


def test_every_figure_is_labelled_and_says_how_many_seeds(page):
    text = page.read_text()
    counted = Figures()
    counted.feed(text)
    assert counted.figures == counted.titles == counted.captions == len(counted.labels) > 40
    assert all(len(label) > 20 for label in counted.labels)
    assert len(set(counted.ids)) == len(counted.ids)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text, re.DOTALL)
    assert all(re.search(r"[Ss]eed", caption) for caption in captions)
    titles = set(re.findall(r"<h4>(.*?)</h4>", text))
    assert titles == {
        "Return against bits", "Return against parameters", "Learning curves", "Performance profiles",
        "Probability of improvement", "Usage of masked networks", "The search", "Weight matrices", "The network",
        "Proposals compared", "Entropy", "Displacement ranks", "All architectures by parameters",
        "All architectures by memory dimension (bits)",
        "Leading architectures",
    }  # fmt: skip


def test_a_page_of_one_run_has_no_plot_of_one_dot_and_says_what_to_add(make_run, tmp_path):
    text = compare(make_run("run")).save(tmp_path / "page.html").read_text()
    titles = re.findall(r"<h4>(.*?)</h4>", text)
    assert titles[0] == "The search"
    assert not {"Return against bits", "Performance profiles", "Learning curves"} & set(titles)
    assert "Return against size and Pareto fronts compare two configurations or more" in text
    assert "<h1>A compact policy</h1>" in text
    make_run("other", partitions=2)
    text = compare(tmp_path).save(tmp_path / "page.html").read_text()
    assert "compare two configurations or more" not in text
    assert "search again with another --seed" in text
    assert text.count("<h4>Return against bits</h4>") == text.count("<h4>Learning curves</h4>") == 1


def test_the_chart_of_all_architectures_is_first(make_run, tmp_path):
    path = make_run("run")
    rows = [{"widths": [k], "parameters": 10 * k, "memory_dimension": 5, "return_mean": 1.0 * k} for k in range(1, 8)]
    (path / "architectures.json").write_text(json.dumps({"env_steps": 9, "architectures": rows}))
    text = compare(path).save(tmp_path / "page.html").read_text()
    assert re.findall(r"<h4>(.*?)</h4>", text)[0] == "All architectures by parameters"
    assert "smallest with 90 % of the best return: hidden layer 7, 70 parameters, 280 bytes, return 7" in text


def test_it_needs_nothing_else_and_is_small(page):
    text = page.read_text()
    assert len(text.encode()) < LARGEST
    assert "<script" not in text
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", text)
    assert not re.search(r"url\((?!#)", text)
    assert "&lt;b&gt;bold" in text
    assert "<b>bold" not in text


MEASURE = """
<script>
addEventListener("load", () => {
  const edge = document.documentElement.clientWidth + 0.5;
  const wide = [...document.body.querySelectorAll("*")].filter(
    each => each.getBoundingClientRect().right > edge && !each.closest("svg, thead"));
  const result = {
    width: document.documentElement.clientWidth,
    content: document.documentElement.scrollWidth,
    wide: wide.slice(0, 5).map(each => each.tagName + " " + each.textContent.slice(0, 40)),
    figures: [...document.querySelectorAll("figure svg")].map(each => {
      const box = each.getBoundingClientRect();
      return [Math.round(box.width), Math.round(box.height)];
    }),
    smallest: Math.min(...[...document.querySelectorAll("figure svg text")].map(
      each => parseFloat(getComputedStyle(each).fontSize) * each.ownerSVGElement.getBoundingClientRect().width
        / each.ownerSVGElement.viewBox.baseVal.width)),
    cut: [...document.querySelectorAll("figure svg text")].filter(each => {
      const box = each.getBoundingClientRect(), around = each.closest("figure").getBoundingClientRect();
      return box.right > around.right + 1 || box.left < around.left - 1;
    }).map(each => each.textContent),
  };
  document.title = JSON.stringify(result);
  console.log("MEASURED " + JSON.stringify(result));
});
</script>
"""


def browse(page, folder, width, *options):
    """Open the page in a window of this width; return what a script in a copy of it measured, and the console."""
    copy = page.with_name("measured.html")
    frame = page.with_name("frame.html")
    copy.write_text(page.read_text().replace("</body>", MEASURE + "</body>"))
    # In a frame of the wanted width: windows of a headless browser have a least width that differs between versions.
    style = f"border:0;width:{width}px;height:900px"
    frame.write_text(f'<body style="margin:0"><iframe src="measured.html" style="{style}">')
    command = [
        BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
        "--log-level=0",
        "--allow-file-access-from-files", f"--user-data-dir={folder}", "--virtual-time-budget=15000",
        "--window-size=1400,900", "--dump-dom", *options, frame.as_uri(),
    ]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    console = [line for line in answer.stderr.splitlines() if ":CONSOLE" in line]
    (measured,) = [line for line in console if "MEASURED" in line]
    result = json.loads(re.search(r"MEASURED (\{.*\})\"", measured)[1].replace('\\"', '"'))
    return result, [line for line in console if line != measured]


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here: apt-get install chromium, as .ci/run does")
def test_in_a_browser_nothing_complains_and_nothing_is_beyond_a_phones_edge(page, tmp_path):
    result, complaints = browse(page, tmp_path / "profile", 390)
    assert complaints == []
    assert result["width"] == 390
    assert result["content"] <= 390, result["wide"]
    assert result["wide"] == []
    assert result["cut"] == []
    assert len(result["figures"]) > 40
    assert all(300 < width <= 390 and height > 100 for width, height in result["figures"])
    assert result["smallest"] > 7  # pixels: the weights' values in the legend of a grid

    desktop, complaints = browse(page, tmp_path / "profile", 1280)
    assert complaints == []
    assert desktop["content"] <= 1280, desktop["wide"]
    assert np.median([width for width, _ in desktop["figures"]]) > 300
