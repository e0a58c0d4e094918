import json

import numpy as np
import pytest

from tests.bench import lots


def scores(n: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.3), n)
    return p, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def test_tells_errors_and_coverage_and_what_could_not_be_run(tmp_path, capsys) -> None:
    file = tmp_path / "scores.npz"
    (p, y), (few, few_y) = scores(320, 4, 0), scores(30, 2, 1)
    np.savez(file, sole_P=p.astype(np.float32), sole_y=y.astype(np.int8), few_P=few, few_y=few_y)
    command = ["--scores", str(file), "--lots", "2", "--processes", "1", "--scenarios", "same_day", "--json"]
    assert lots.main(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert {one["classifier"] for one in report["results"]} == {"sole"}
    assert any(one["classifier"] == "few" for one in report["not_run"])
    ours = report["results"][0]["methods"]["chiiki + 20"]
    assert 0 <= ours["coverage"] <= 1
    assert ours["mae_points"] < 20


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        ({"x": np.zeros(3)}, "NAME_P"),
        ({"a_P": np.ones((3, 1)), "a_y": np.zeros(3, int)}, "K ≥ 2"),
        ({"a_P": np.full((3, 2), 0.5), "a_y": np.array([0, 1, 2])}, "labels"),
        ({"a_P": np.full((3, 2), 0.5)}, "a_y"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, capsys, arrays, word) -> None:
    file = tmp_path / "scores.npz"
    np.savez(file, **arrays)
    assert lots.main(["--scores", str(file)]) == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["other_days", "confused"])
def test_a_shifted_day_still_gives_probabilities(kind) -> None:
    p, y = scores(50, 3, 2)
    out = lots.shifted(p, y, kind, np.random.default_rng(0))
    assert out.sum(axis=1) == pytest.approx(1)
    assert not np.allclose(out, p)
