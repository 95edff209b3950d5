from __future__ import annotations

from driftmeter.report.markdown import markdown
from tests.report.entries import entry


def test_what_drifts_has_a_line_with_its_reason() -> None:
    features = [entry("income", "drifting", severity="major", why="Rose from 3,120 to 4,650."), entry("age")]
    text = markdown({"model": "credit", "state": "drifting", "rows": 3000}, features, ["Column 'x' is absent."])
    assert text.splitlines()[:7] == [
        "### 🔴 credit: drifting",
        "",
        "3,000 rows, 1 of 2 features drift.",
        "",
        "- **income** (major): Rose from 3,120 to 4,650.",
        "",
        "> Column 'x' is absent.  ",
    ]
    assert "| age | ok | none | 0.000 | 0.5 |  |" in text


def test_what_follows_says_whom() -> None:
    rest = entry("temp given the rest", "drifting", severity="major", why="Fell.", follows="temp|*")
    text = markdown({"model": "credit", "state": "drifting", "rows": 3000}, [rest], [])
    assert "- **temp given the rest** (major, follows temp\\|\\*): Fell." in text.splitlines()


def test_names_and_categories_are_text_whatever_they_hold() -> None:
    evil = "</details><img src=x onerror=y>|a `b` **c** [d](http://e) @octocat #1\n# f"
    text = markdown({"model": evil, "state": "drifting", "rows": 1}, [entry(evil, "drifting", why=evil)], [evil])
    assert text.count("</details>") == 1
    for markup in ("<img", "`b`", "**c**", "[d](", "@octocat", "#1", "http://e", "\n# f"):
        # what is escaped has a backslash, or a word joiner, within
        assert markup not in text.replace("\\<", "").replace("\\`", "").replace("\\*", ""), markup
    assert {line.count("|") - line.count("\\|") for line in text.splitlines() if line.startswith("| ")} == {7}


def test_thousands_of_features_stay_a_comment() -> None:
    features = [entry(f"feature_{number}", "drifting", why="Rose from 1 to 2.") for number in range(5_000)]
    text = markdown({"model": "wide", "state": "drifting", "rows": 1}, features, [])
    assert len(text) < 65_536
    assert "… and 4,800 more." in text
