"""What was fitted to labelled texts: thresholds, what a confidence is worth, and how that went."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from router.decisions.policy import CompiledPolicy
from router.encoders.encoder import Encoder
from router.errors import RouterError
from router.files import write_whole
from router.model.layout import ExemplarStatistics, Layout
from router.model.model import model_hash
from router.packs.pack import Pack, Policy, Proportion
from router.statistics.figure import Figure
from router.statistics.platt import PlattScaling

FORMAT = 2
REDO = "fit it again: router calibrate LOG --pack PACK, or router.learn(texts, labels)"


class Report(Struct, frozen=True):
    """How a calibration did on texts that were held out from its fitting.

    `before` is the pack's own policy on the same texts. `ranking` is what no threshold changes.
    """

    before: dict[str, Figure]
    after: dict[str, Figure]
    ranking: dict[str, Figure]


class Step(Struct, frozen=True, array_like=True):
    """Of decisions that are this confident, how often held-out ones were right: low and high."""

    confidence: float
    low: float
    high: float


class Calibration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fitted to labelled texts, for one pack and one encoder.

    `maps`: by action what its confidence is worth; under "clarify" what the probability
    of a missing detail is. `contend_from`: probability from which on a target is offered by a
    composed question; None where the exemplars' own stands. `intervals`: by "decided", "missing"
    (a detail) and "unsure" (asked for that).
    """

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)] = FORMAT
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
    contend_from: float | None = None
    intervals: dict[str, tuple[Step, ...]] = {}
    report: Report

    @classmethod
    def read(cls, path: str | Path) -> "Calibration":
        """Read a calibration's file.

        :raises RouterError: There is no such file, or it is not one of a calibration.
        """
        try:
            return msgspec.json.decode(Path(path).read_bytes(), type=cls)
        except OSError as error:
            raise RouterError(f"{path}: no calibration can be read: {error.strerror}") from error
        except msgspec.DecodeError as error:
            what = f"a calibration is what `router calibrate` of format {FORMAT} wrote"
            raise RouterError(f"{path}: {what}: {error}; {REDO}") from error

    def write(self, path: str | Path) -> None:
        """Write it, in one step."""
        write_whole(Path(path), msgspec.json.format(msgspec.json.encode(self), indent=1))

    def check(self, pack: Pack, encoder: Encoder) -> None:
        """Make sure that it was fitted for this pack and this encoder.

        :raises RouterError: It was not; the message says what differs, and how to fit it again.
        """
        hashed = model_hash(pack)
        if self.pack_hash != hashed:
            raise RouterError(
                f"a calibration holds for the pack that it was fitted with, {self.pack}"
                f" {self.pack_hash}; this is {pack.file.id} {hashed}: its ids, questions or"
                f" exemplars differ; {REDO}"
            )
        if self.encoder != encoder.key:
            raise RouterError(
                "a calibration holds for the encoder that it was fitted with,"
                f" {self.encoder}; this is {encoder.key}; {REDO}"
            )
        decides = (
            "extra_skill_threshold",
            "mention_threshold",
            "max_skills",
            "similarity_threshold",
        )
        for name in decides:
            was, now = getattr(self.policy, name), getattr(pack.file.policy, name)
            if was != now:
                raise RouterError(
                    f"a calibration holds for the policy that it was fitted with: {name} was"
                    f" {was}, is {now}; {REDO}"
                )

    def policy_for(
        self, pack: Pack, layout: Layout, statistics: ExemplarStatistics
    ) -> CompiledPolicy:
        """Prepare the pack's policy with what was fitted."""
        policy = msgspec.structs.replace(
            pack.file.policy,
            ask_threshold=self.ask_threshold,
            confidence_threshold=self.confidence_threshold,
            confidence=self.confidence,
        )
        return CompiledPolicy.of(
            pack,
            layout,
            statistics,
            policy=policy,
            scalings=self.maps,
            candidate_threshold=self.contend_from,
        )

    def interval(self, kind: str, confidence: float) -> tuple[float, ...]:
        """Where the probability of being right lies with 95 % certainty; empty if untold.

        :param kind: A key of `intervals`.
        """
        steps = self.intervals.get(kind, ())
        if not steps:
            return ()
        at, low, high = np.array([(one.confidence, one.low, one.high) for one in steps]).T
        ends = float(np.interp(confidence, at, low)), float(np.interp(confidence, at, high))
        # Held to the confidence itself, which a step beside it may miss by a hair.
        return round(min(ends[0], confidence), 4), round(max(ends[1], confidence), 4)
