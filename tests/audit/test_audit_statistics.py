"""The arithmetic of reports, held against scipy, statsmodels and scikit-learn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, bootstrap, mannwhitneyu
from sklearn.metrics import average_precision_score, cohen_kappa_score, roc_auc_score, roc_curve
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from cbtguard.audit.curves import curve
from cbtguard.audit.statistics import kappa, mcnemar, mean, paired_difference, wilson
from cbtguard.safety.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (81, 263, 0.255290, 0.366210),
        (1, 2, 0.094531, 0.905469),
    ],
)
def test_wilson_gives_the_published_intervals(count: int, of: int, low: float, high: float) -> None:
    rate = wilson(count, of)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert rate.value == count / of


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))), st.floats(0.5, 0.999)
)
def test_wilson_agrees_with_two_libraries(table: tuple[int, int], confidence: float) -> None:
    count, of = table
    rate = wilson(count, of, confidence=confidence)
    other = proportion_confint(count, of, alpha=1 - confidence, method="wilson")
    third = binomtest(count, of).proportion_ci(confidence, method="wilson")
    assert (rate.low, rate.high) == pytest.approx(other, abs=1e-9)
    assert (rate.low, rate.high) == pytest.approx((third.low, third.high), abs=1e-9)
    assert rate.low <= count / of <= rate.high


def test_without_cases_nothing_is_known() -> None:
    rate = wilson(0, 0)
    assert (rate.value, rate.low, rate.high) == (None, 0.0, 1.0)
    assert rate.as_dict() == {"count": 0, "of": 0, "value": None, "low": 0.0, "high": 1.0}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_agrees_with_two_libraries(first: int, second: int) -> None:
    found = mcnemar(first, second)
    assert found.p == pytest.approx(
        reference_mcnemar([[7, first], [second, 9]], exact=True).pvalue, abs=1e-12
    )
    total = first + second
    if total:
        assert found.p == pytest.approx(binomtest(first, total).pvalue, abs=1e-12)
        at = binom.pmf(min(first, second), total, 0.5)
        # statsmodels has no mid-p; its definition (Fagerland et al. 2013) with scipy's binomial.
        tail = 2 * binom.cdf(min(first, second), total, 0.5)
        assert found.mid_p == pytest.approx(1 - at / 2 if first == second else tail - at, abs=1e-9)
    assert 0 <= found.mid_p <= found.p <= 1


def test_mcnemar_of_large_tables_and_of_none() -> None:
    assert mcnemar(0, 0).p == mcnemar(0, 0).mid_p == 1.0
    assert mcnemar(20_000, 10).p < 1e-100
    assert mcnemar(6000, 6000).p == 1.0
    assert mcnemar(12, 2).p == pytest.approx(0.012939453125)


@pytest.mark.parametrize(("both", "first", "second", "none"), [(40, 12, 3, 5), (90, 1, 9, 0), (20, 6, 6, 20)])
def test_the_paired_bootstrap_agrees_with_scipy(both: int, first: int, second: int, none: int) -> None:
    a = [True] * (both + first) + [False] * (second + none)
    b = [True] * both + [False] * first + [True] * second + [False] * none
    found = paired_difference(a, b)

    def difference(x: Any, y: Any, axis: int = -1) -> Any:
        return np.mean(x, axis=axis) - np.mean(y, axis=axis)

    other = bootstrap(
        (np.array(a, dtype=float), np.array(b, dtype=float)),
        difference,
        paired=True,
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert found.value == pytest.approx((first - second) / len(a))
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.02)
    assert found == paired_difference(a, b)
    assert paired_difference(b, a).value == -found.value


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_a_paired_difference_lies_in_its_interval(pairs: list[tuple[bool, bool]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    found = paired_difference(first, second, draws=2000)
    assert -1 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1


def test_the_mean_agrees_with_scipy() -> None:
    values = [0.2, 0.9, 1.0, 0.75, 0.5, 0.6, 1.0, 0.8]
    found = mean(values)
    other = bootstrap(
        (values,), np.mean, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.value == pytest.approx(sum(values) / len(values))
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.02)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=80))
def test_curves_agree_with_scipy_and_scikit_learn(cases: list[tuple[int, bool]]) -> None:
    scores, danger = [one / 6 for one, _ in cases], [is_danger for _, is_danger in cases]
    if len(set(danger)) < 2:
        with pytest.raises(InputError, match=r"input\.statistics"):
            curve(scores, danger)
        return
    found = curve(scores, danger)
    high = [s for s, d in zip(scores, danger, strict=True) if d]
    low = [s for s, d in zip(scores, danger, strict=True) if not d]
    rank = mannwhitneyu(high, low, method="asymptotic", use_continuity=False) if len({*scores}) > 1 else None
    if rank is not None:
        assert found.auc == pytest.approx(rank.statistic / (len(high) * len(low)))
    assert found.auc == pytest.approx(roc_auc_score(danger, scores))
    assert found.average_precision == pytest.approx(average_precision_score(danger, scores))
    false, recall, thresholds = roc_curve(danger, scores, drop_intermediate=False)
    assert [one.threshold for one in found.points] == pytest.approx(list(thresholds[1:]))
    assert [one.recall for one in found.points] == pytest.approx(list(recall[1:]))
    assert [one.false_alarms for one in found.points] == pytest.approx(list(false[1:]))
    assert found.as_dict()["points"][-1][1:3] == [1.0, 1.0]


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
@settings(max_examples=40, deadline=None)
@given(table=st.lists(st.lists(st.integers(0, 30), min_size=4, max_size=4), min_size=4, max_size=4))
def test_kappa_agrees_with_two_libraries(table: list[list[int]], weights: Any) -> None:
    found = kappa(table, weights=weights)
    if found is None:
        rows, columns = np.array(table).sum(axis=1), np.array(table).sum(axis=0)
        assert np.count_nonzero(rows) <= 1
        assert np.count_nonzero(columns) <= 1
        return
    with np.errstate(all="ignore"):
        other = cohens_kappa(np.array(table, dtype=float), wt=weights, return_results=False)
    if not math.isnan(other):
        assert found == pytest.approx(other, abs=1e-9)
    first = [i for i, row in enumerate(table) for count in row for _ in range(count)]
    second = [j for row in table for j, count in enumerate(row) for _ in range(count)]
    assert found == pytest.approx(
        cohen_kappa_score(first, second, labels=range(4), weights=weights), abs=1e-9
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson(3, 2),
        lambda: wilson(-1, 2),
        lambda: wilson(1, 2, confidence=1),
        lambda: mcnemar(-1, 2),
        lambda: paired_difference([], []),
        lambda: paired_difference([True], [True, False]),
        lambda: mean([]),
        lambda: kappa([[1, 2], [3]]),
        lambda: curve([0.5], [True, False]),
    ],
)
def test_numbers_that_cannot_be_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(InputError, match=r"input\.statistics"):
        call()
