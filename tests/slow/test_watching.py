"""The command `watch`, running."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

COMMAND = "import typer; from router.commands.watch import watch_command; typer.run(watch_command)"


class RunningCommand:
    """A running command, and the lines that it has printed."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", COMMAND, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.text = ""
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.text += line

    def wait_for(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
        code = self.process.wait(timeout=20)
        self.reader.join()
        self.process.stdout.close()
        return code


def test_a_saved_exemplar_moves_a_query_at_once(tiny, tmp_path):
    queries = tmp_path / "queries.txt"
    queries.write_text("the bottom bracket creaks\nmy brakes squeal\n")
    running = RunningCommand(tiny, "--queries", queries)
    try:
        running.wait_for(r"2 queries \([\d.]+ s, [\d,]+ embedded\)\n(?s:.*)fix-brakes\n")
        brakes = tiny / "exemplars" / "skills" / "sell-bikes.txt"
        good = brakes.read_text()
        brakes.write_text(
            good + "the bottom bracket creaks\nmy bottom bracket creaks, a new bike\n"
        )
        running.wait_for(r"1 of 2 queries moved .*\n  the bottom .*\n    - .*\n    \+ sell-bikes\n")
        brakes.write_text("too few\n")
        running.wait_for(r"last valid pack stays in use:\n  .*at least 3 exemplars")
        brakes.write_text(good)
        running.wait_for(
            r"(?s:.*)stays in use(?s:.*)1 of 2 queries moved .*\n.*\n    - sell-bikes\n"
        )
    finally:
        code = running.stop()
    assert code == 0
    assert "Traceback" not in running.text
