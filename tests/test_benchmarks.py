"""What the benchmarks make of single values, and that they survive a peer that fails."""

from pathlib import Path

from benchmarks.figures import lines, part_lines, rows
from benchmarks.publish import Bench, measure
from benchmarks.publish_peers import Peer, Place
from benchmarks.scenarios import OURS, Scenario, changed_code
from tests.support.git import make_bare, write_hook


def test_rows_compare_medians_with_ours() -> None:
    table = rows("S-code", {"docker": [0.9, 0.6, 3.0], OURS: [0.3, 0.2, 0.5], "buildkit": []})
    assert [(row.peer, row.median, row.least, row.most, row.count) for row in table] == [
        ("docker", 0.9, 0.6, 3.0, 3),
        (OURS, 0.3, 0.2, 0.5, 3),
    ]
    assert [row.ratio for row in table] == [0.9 / 0.3, 1.0]


def test_rows_have_no_ratio_where_ours_failed() -> None:
    (row,) = table = rows("S-code", {OURS: [], "docker": [2.0]})
    assert row.ratio is None
    assert [*lines(table)][1].split() == ["S-code", "docker", *["2.000"] * 3, "1", "-"]


def test_parts_that_a_peer_does_not_have_are_dashes() -> None:
    parts = {OURS: {"imports": [0.1, 0.09, 0.2]}, "floor": {"git": [0.003]}}
    assert [line.split() for line in part_lines(parts)] == [
        ["milliseconds", OURS, "floor"],
        ["imports", "100.0", "-"],
        ["git", "-", "3.0"],
    ]


def test_a_peer_that_fails_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    place = Place(folder=tmp_path, engine="unix:///nowhere", registry="localhost:1")
    peers = {}
    for name, said in ((OURS, "published"), ("docker", "no space left")):
        repository = make_bare(tmp_path / f"{name}.git")
        write_hook(repository, "post-receive", f"#!/bin/sh\necho {said}\n")
        peers[name] = Peer(name, repository)
    scenario = Scenario(title="", project="S", peers=(OURS, "docker"), change=changed_code)
    seconds, failures = measure(Bench(place=place, peers=peers), scenario, rounds=2)
    assert len(seconds[OURS]) == 2
    assert seconds["docker"] == []
    assert "no space left" in failures["docker"]
    assert OURS not in failures
