"""Options that several commands share, and how they are turned into encoders and routers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router.commands.output import print_note

if TYPE_CHECKING:
    from router.encoders.encoder import Encoder
    from router.router import Router

PackOption = Annotated[
    Path | None,
    typer.Option(
        "--pack",
        "-p",
        help="Folder of a pack, of SKILL.md files or of a saved router [default: ML production].",
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="Name or folder of a sentence-transformers model [default: the built-in one].",
    ),
]
SecondLookOption = Annotated[
    str | None,
    typer.Option(
        "--second-look",
        help="Name or folder of a stronger model, which decides too where the first is unsure.",
    ),
]
CalibrationOption = Annotated[
    Path | None,
    typer.Option("--calibration", help="File that `router calibrate` wrote for this pack."),
]
TextColumnOption = Annotated[
    str | None, typer.Option(help="Column that holds the text [default: guessed].")
]
LabelColumnOption = Annotated[
    str | None,
    typer.Option(help="Column that holds the label; '-' for none [default: guessed]."),
]
TimeColumnOption = Annotated[
    str | None,
    typer.Option(help="Column that holds the time; '-' for none [default: guessed]."),
]
RunArgument = Annotated[
    Path, typer.Argument(help="Folder that `router evaluate` wrote, or file of a DecisionLog.")
]


def encoder_of(name: str | None) -> "Encoder":
    """Load the encoder that `--encoder` names; what takes long is announced on standard error."""
    from router.encoders.default import load_encoder

    return load_encoder(name, print_note)


def load_router(
    pack: Path | None = None,
    encoder: str | None = None,
    calibration: Path | None = None,
    second_look: str | None = None,
) -> "Router":
    """Load a router; what takes long is announced on standard error."""
    from router.router import Router

    return Router.load(
        pack,
        encoder=encoder,
        second_look=second_look,
        calibration=calibration,
        notify=print_note,
    )
