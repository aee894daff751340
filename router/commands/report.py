"""Write the report of a run."""

from pathlib import Path

from router.commands.options import EncoderOption, PackOption, RunArgument, load_router
from router.commands.output import print_text


def report_command(
    run: RunArgument = Path("runs/latest"),
    pack: PackOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Write the report of a run, or of a DecisionLog, as one HTML file.

    The file needs no network. It must be written with the pack that the run was made with. Of a
    DecisionLog it shows the decisions as they were made, and lies beside the log.

    Examples:

        router report

        router report runs/october --pack packs/shop

        router report decisions.jsonl --pack packs/shop
    """
    from router.report import write_report

    print_text(write_report(run, load_router(pack, encoder)))
