"""What the files of a report say is what the cells said."""

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from attacks.bench.report import RunFacts, compare, summarize, to_text, write_report
from attacks.bench.report.heat import colour
from attacks.bench.results import Cell, ResultLog
from attacks.bench.statistics import upper_bound, wilson
from provenance.errors import DiskFull, InputMissing
from tests.attacks.bench.report.results_drawn import cell, master, run
from tests.full_disk import full_disk

FACTS = RunFacts(suite="quick")
PNG = bytes.fromhex("89504e470d0a1a0a") + b"rest"
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Tables by caption, elements by name; fails on tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.tables, self.rows = [], [], {}, []
        self.words = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "caption":
            self.rows = []
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th", "caption"}:
            self.words = ""

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "caption":
            self.tables[self.words] = self.rows
        if tag in {"td", "th"}:
            self.rows[-1].append(self.words)

    def handle_data(self, data):
        self.words += data

    def named(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def table(self, start):
        return next(rows for caption, rows in self.tables.items() if caption.startswith(start))


def report(folder, results, facts=FACTS):
    write_report(folder, results, facts)
    return Page((folder / "report.html").read_text())


def test_page_has_the_counts_of_the_cells(tmp_path):
    page = report(tmp_path, run())
    heat = {row[0]: row for row in page.table("Messages recovered")}
    assert heat["attack"] == ["attack", "ours", "theirs"]
    span = wilson(11, 20)
    assert heat["x264"][1] == f"55 %11/20 · {100 * span.low:.0f}–{100 * span.high:.0f} %"
    assert heat["x264"][2].startswith("25 %5/20")
    assert heat["trim"][1:] == ["skipped", "not tried"]
    bound = f"0 of 10 (≤ {100 * upper_bound(0, 10):.0f} %)"
    false = page.table("False positives")
    assert ["unmarked clip", "ours", bound, "makes no claim"] in false
    assert ["wrong key", "ours", "not tried", "not tried"] in false
    systems = {row[0]: row for row in page.table("What marking costs")}
    place = systems["system"].index("PSNR dB")
    assert (systems["ours"][place], systems["theirs"][place]) == ("41.5", "36.2")
    pairs = page.table("The same attacks")
    # Theirs succeeded in 5 of the 11 cells of ours, and nowhere else.
    assert pairs[1] == ["ours", "theirs", "5", "6", "0", "9", "0.031"]
    assert ["one", "ours", "trim 28", "skipped", "the clip is too short"] in page.table("Left out")


def test_curves_have_a_point_for_each_strength_and_system(tmp_path):
    page = report(tmp_path, run())
    labels = [attrs.get("aria-label", "") for attrs in page.named("svg")]
    recovery, bits = [label for label in labels if label.startswith("x264")]
    assert recovery == "x264 at 28, 40: ours 80 %, 30 %; theirs 50 %, 0 %"
    assert bits == "x264 at 28, 40: ours 75 %, 75 %; theirs 75 %, 75 %"
    text = (tmp_path / "report.html").read_text()
    figure = text[text.index('aria-label="x264 at') :].split("</svg>")[0]
    dots = re.findall(r'transform="translate\(([\d.]+) ([\d.]+)\)"', figure)
    assert [float(x) for x, _ in dots] == [46, 222, 46, 222]
    # 96 units high from y = 8 (100 %) down to y = 104 (0 %).
    assert [float(y) for _, y in dots] == pytest.approx([27.2, 75.2, 56, 104], abs=0.06)
    assert figure.count('class="band') == 2


def test_json_and_csv_have_the_counts_of_the_cells(tmp_path):
    report(tmp_path, run(), RunFacts(suite="quick", cpus=2, left_out={"perth": "missing package"}))
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["schema"] == "everyframe.bench-report/1"
    assert record["cells"] == {"done": 60, "skipped": 1, "failed": 0}
    assert record["run"]["left_out"] == {"perth": "missing package"}
    attack = next(row for row in record["parts"][0]["attacks"] if row["attack"] == "x264")
    mild = attack["steps"][0]["tallies"][0]["recovered"]
    assert (mild["successes"], mild["trials"]) == (8, 10)
    assert mild["wilson_95"] == pytest.approx([0.4902, 0.9433], abs=1e-4)
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    wanted = [item for item in run() if isinstance(item, Cell)]
    assert [row["key"] for row in rows] == [item.key for item in wanted]
    assert sum(row["recovered"] == "True" for row in rows) == 16


def test_the_last_result_of_a_key_counts():
    first = cell(0, recovered=False)
    summary = summarize([first, replace(first, recovered=True)])
    assert (summary.systems[0].marked.recovered.successes, summary.done) == (1, 1)


def test_hostile_names_stay_text(tmp_path):
    evil = "<script>alert(1)</script>\"'&\x1b[2J\ud800"
    results = [
        master(evil, clip=evil),
        *(cell(n, system=evil, clip=evil, strength=n, unit=evil) for n in range(2)),
        cell(2, system=evil, attack=evil, family=evil, status="failed", detail=evil),
    ]
    page = report(tmp_path, results, RunFacts(suite=evil, left_out={evil: evil}))
    assert "script" not in {name for name, _ in page.elements}
    assert not any(key.startswith("on") for _, attrs in page.elements for key in attrs)
    assert "\x1b" not in (tmp_path / "report.html").read_text()
    assert "\x1b" not in to_text(summarize(results))


def test_page_needs_nothing_else(tmp_path):
    (tmp_path / "frame.png").write_bytes(PNG)
    page = report(tmp_path, [*run(), cell(11, thumbnail="frame.png")])
    text = (tmp_path / "report.html").read_text()
    assert "//" not in re.sub(r"base64,[^\"]*", "", text)
    assert "url(" not in text
    links = [attrs.get(key, "") for _, attrs in page.elements for key in ("src", "href")]
    assert all(link.startswith(("#", "data:image/")) for link in links if link)
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {attrs["href"][1:] for attrs in page.named("a")} <= ids
    assert [image["alt"] for image in page.named("img")] == ["A frame after x264 28 CRF"]


@pytest.mark.parametrize("name", ["gone.jpg", "../outside.png", "text.png", "nul\0.png"])
def test_pictures_that_are_none_are_left_out(tmp_path, name):
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "outside.png").write_bytes(PNG)
    (folder / "text.png").write_text("no picture")
    page = report(folder, [cell(0, thumbnail=name)])
    assert not page.named("img")


@pytest.mark.parametrize(
    "results",
    [
        [],
        [master()],
        [cell(0, status="failed", detail="broke")],
        [master(status="failed", detail="too small", psnr_db=None)],
        [master(), cell(0, recovered=True)],
        [master(medium="audio", snr_db=30.0, psnr_db=None), cell(0, family="audio")],
    ],
    ids=["nothing", "no cell", "only failed", "no master", "one cell", "sound"],
)
def test_small_runs_have_a_report(tmp_path, results):
    page = report(tmp_path, results)
    assert {"report.html", "report.json", "results.csv"} == {p.name for p in tmp_path.iterdir()}
    assert to_text(summarize(results))
    if any(item.status == "failed" for item in results):
        assert "failed" in {word for row in page.table("Left out") for word in row}


def test_sound_and_pictures_stand_apart(tmp_path):
    results = [*run(), master("perth", medium="audio"), cell(0, system="perth", family="audio")]
    parts = summarize(results).parts
    assert [(p.medium, [s.name for s in p.systems]) for p in parts] == [
        ("video", ["ours", "theirs"]),
        ("audio", ["perth"]),
    ]


def test_text_fits_a_terminal_and_has_intervals():
    results = [
        cell(n, system=f"system {s} of a long name", recovered=True, attack="a" * 40)
        for n in range(3)
        for s in range(5)
    ]
    text = to_text(summarize(results))
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("3 of 3 (44–100 %)") == 10


def test_text_says_why_results_are_missing_and_never_untried_for_failed():
    text = to_text(summarize(run()))
    assert "1 skipped: ours: the clip is too short" in text
    failed = [cell(n, status="failed", detail=f"reason {n % 9}") for n in range(18)]
    text = to_text(summarize([*run(), *(replace(item, attack="crop") for item in failed)]))
    assert re.search(r"^crop +failed", text, re.MULTILINE)
    assert "2 failed: ours: reason 0" in text
    assert "… and 2 more reasons" in text


def test_every_strength_says_how_many_results_are_missing(tmp_path):
    lost = cell(99, strength=40, status="failed", detail="no")
    rows = report(tmp_path, [*run(), lost]).table("Every attack at every strength")
    missing = {(row[1], row[2]): row[4] for row in rows[1:] if row[0] == "x264"}
    assert missing[("40 CRF", "ours")] == "1"
    assert missing[("28 CRF", "ours")] == "–"


def test_runs_are_compared_by_what_they_reported(tmp_path):
    a = logged(tmp_path / "a", run())
    write_report(a, run(), FACTS)
    # The same place, computed under other settings: the last run did not ask for it.
    stale = [
        replace(item, key=f"old {item.key}", recovered=False)
        for item in run()
        if isinstance(item, Cell)
    ]
    b = logged(tmp_path / "b", [*run(), *stale])
    assert "lost" in compare(a, b).to_text()
    write_report(b, run(), FACTS)
    assert "every outcome is the same" in compare(a, b).to_text()


def test_a_failed_write_keeps_the_old_report(tmp_path):
    def files():
        return {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    write_report(tmp_path, run()[:3], FACTS)
    before = files()
    assert set(before) == {"report.html", "report.json", "results.csv"}
    with pytest.raises(DiskFull), full_disk(1000):
        write_report(tmp_path, run(), FACTS)
    assert files() == before


def test_heat_is_readable():
    def light(hexed):
        full = hexed[1:] if len(hexed) == 7 else "".join(c * 2 for c in hexed[1:])
        parts = [int(full[n : n + 2], 16) / 255 for n in (0, 2, 4)]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    lights = []
    for percent in range(101):
        back, ink = (light(c) for c in colour(percent / 100))
        assert (max(back, ink) + 0.05) / (min(back, ink) + 0.05) >= 4.5
        lights.append(back)
    assert lights == sorted(lights, reverse=True)


def logged(folder, results):
    folder.mkdir()
    with ResultLog(folder / "results.jsonl") as log:
        log.add(results)
    return folder


def test_a_planted_change_between_runs_is_found(tmp_path):
    before = run()
    lost = {item.key for item in before if isinstance(item, Cell) and item.recovered}
    after = [
        replace(item, recovered=False) if item.key in lost and item.system == "ours" else item
        for item in before[:-1]
    ]
    after[0] = replace(after[0], psnr_db=43.0)
    a, b = logged(tmp_path / "a", before), logged(tmp_path / "b", [*after, cell(99)])
    found = compare(a, b)
    assert (found.shared, found.only_a, found.only_b) == (60, 0, 1)
    (change,) = [item for item in found.changes if item.changed]
    assert (change.system, change.attack, change.arm) == ("ours", "x264", "marked")
    assert (change.pairing.first_only, change.pairing.second_only) == (11, 0)
    assert change.pairing.p == pytest.approx(2 * 0.5**11)
    assert "ours, x264, marked: 11 lost, 0 gained of 20 (p = 0.00098)" in found.to_text()
    assert "ours, psnr_db: 41.5 → 43" in found.to_text()
    assert json.loads(found.to_json())["changes"][0]["pairing"]["first_only"] == 11
    rows = Page(found.to_html()).table("Messages read")
    assert rows[1] == ["x264", "ours", "marked", "0", "11", "0", "9", "0.00098"]


def test_equal_runs_have_no_change(tmp_path):
    a, b = logged(tmp_path / "a", run()), logged(tmp_path / "b", run())
    assert "every outcome is the same" in compare(a, b).to_text()
    with pytest.raises(InputMissing):
        compare(a, tmp_path)
