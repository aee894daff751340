"""What was fitted to labelled texts: probability maps, thresholds, and how well they did."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from router.decisions.policy import CompiledPolicy
from router.encoders.encoder import Encoder
from router.errors import RouterError
from router.files import DamagedError, read_json, write_whole
from router.model.exemplar_statistics import ExemplarStatistics
from router.model.layout import Layout
from router.model.model import model_hash
from router.packs.pack import Pack
from router.packs.policy import Policy, Proportion
from router.statistics.figure import Figure
from router.statistics.probability import PlattScaling

_FORMAT = 2
_REMEDY = "fit it again: router calibrate LOG --pack PACK, or router.learn(texts, labels)"
_FITTED_SETTINGS = ("ask_threshold", "confidence_threshold", "confidence")
"""Settings of a policy that a calibration replaces; all others must stay as they were."""


class Report(Struct, frozen=True):
    """How a calibration did on texts that were held out from its fitting.

    :param before: Figures of the pack's own policy on the same texts, by name.
    :param after: The same figures with what was fitted.
    :param ranking: Figures that do not depend on a threshold.
    """

    before: dict[str, Figure]
    after: dict[str, Figure]
    ranking: dict[str, Figure]


class IntervalStep(Struct, frozen=True, array_like=True):
    """The 95 % interval of the accuracy of held-out decisions at one confidence.

    :param confidence: The confidence, in [0, 1].
    :param low: The lower end of the interval, in [0, 1].
    :param high: The upper end of the interval, in [0, 1].
    """

    confidence: float
    low: float
    high: float


class Calibration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was fitted to labelled texts, for one pack and one encoder.

    :param format: The version of the file.
    :param pack: Id of the pack.
    :param pack_hash: Hash of its ids, questions and exemplars.
    :param encoder: The key of the encoder.
    :param policy: The pack's policy when it was fitted.
    :param source: What it was fitted to: a log, the exemplars, or labels given to `Router.learn`.
    :param n: The number of labelled texts.
    :param ask_rate: The share of queries to ask about that was wanted, if any.
    :param max_error: The share decided without a question and wrong that was allowed, if any.
    :param ask_threshold: Replaces the one of the policy.
    :param confidence_threshold: Replaces the one of the policy.
    :param confidence: Replaces the scaling of the policy.
    :param maps: The scaling of each action; under "clarify", that of the probability that a detail
        is missing.
    :param candidate_threshold: The probability from which a composed question offers a target; None
        if the one fitted on the exemplars stays.
    :param intervals: The intervals of decisions without a question under "decided"; those of
        questions under "missing" if a detail is missing, otherwise under "unsure".
    :param report: How it did on texts that were held out.
    """

    format: Annotated[int, Meta(ge=_FORMAT, le=_FORMAT)] = _FORMAT
    pack: str
    pack_hash: str
    encoder: str
    policy: Policy
    source: Literal["log", "exemplars", "fit"]
    n: int
    ask_rate: float | None = None
    max_error: float | None = None
    ask_threshold: Proportion
    confidence_threshold: Proportion
    confidence: PlattScaling
    maps: dict[str, PlattScaling]
    candidate_threshold: float | None = None
    intervals: dict[str, tuple[IntervalStep, ...]] = {}
    report: Report

    @classmethod
    def read(cls, path: str | Path) -> "Calibration":
        """Read the file of a calibration.

        :param path: A file that `router calibrate` or `write` wrote.
        :raises RouterError: There is no such file, or it does not hold a calibration.
        """
        try:
            return read_json(Path(path), cls)
        except DamagedError as error:
            what = f"a calibration is what `router calibrate` of format {_FORMAT} wrote"
            raise RouterError(f"{error}; {what}; {_REMEDY}") from error

    def write(self, path: str | Path) -> None:
        """Write the file in one step: it is whole, or it is as before.

        :param path: The file; it is replaced if it exists.
        """
        write_whole(Path(path), msgspec.json.format(msgspec.json.encode(self), indent=1))

    def check(self, pack: Pack, encoder: Encoder) -> None:
        """Make sure that it was fitted for this pack and this encoder.

        :param pack: The pack to use it with.
        :param encoder: The encoder to use it with.
        :raises RouterError: It was not; the message says what differs, and how to fit it again.
        """
        pack_hash = model_hash(pack)
        if self.pack_hash != pack_hash:
            raise RouterError(
                f"a calibration holds for the pack that it was fitted with, {self.pack}"
                f" {self.pack_hash}; this is {pack.file.id} {pack_hash}: its ids, questions or"
                f" exemplars differ; {_REMEDY}"
            )
        if self.encoder != encoder.key:
            raise RouterError(
                "a calibration holds for the encoder that it was fitted with,"
                f" {self.encoder}; this is {encoder.key}; {_REMEDY}"
            )
        for name in Policy.__struct_fields__:
            then, now = getattr(self.policy, name), getattr(pack.file.policy, name)
            if then != now and name not in (*_FITTED_SETTINGS, "question_cost"):
                raise RouterError(
                    f"a calibration holds for the policy that it was fitted with: {name} was"
                    f" {then}, is {now}; {_REMEDY}"
                )

    def policy_for(
        self, pack: Pack, layout: Layout, statistics: ExemplarStatistics
    ) -> CompiledPolicy:
        """Prepare the pack's policy with what was fitted."""
        fitted = {name: getattr(self, name) for name in _FITTED_SETTINGS}
        if self.ask_rate is not None or self.max_error is not None:
            fitted["ask_rate"] = None  # the thresholds decide when to ask
        return CompiledPolicy.of(
            pack,
            layout,
            statistics,
            policy=msgspec.structs.replace(pack.file.policy, **fitted),
            scalings=self.maps,
            candidate_threshold=self.candidate_threshold,
        )

    def interval(self, kind: str, confidence: float) -> tuple[float, ...]:
        """Ends of the 95 % interval of the probability of being right, or () if it is not known.

        :param kind: A key of `intervals`.
        """
        steps = self.intervals.get(kind, ())
        if not steps:
            return ()
        at, lows, highs = np.array([msgspec.structs.astuple(step) for step in steps]).T
        low, high = float(np.interp(confidence, at, lows)), float(np.interp(confidence, at, highs))
        # Interpolation may miss the confidence slightly, so the interval is widened to contain it.
        return round(min(low, confidence), 4), round(max(high, confidence), 4)
