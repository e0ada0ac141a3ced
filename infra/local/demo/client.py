"""The released `anonlink` command line, driven as its users drive it.

The program is run as it came from its package, in an environment of its own: what works
here works for whoever has it installed. Answers are read from the files that it writes,
because its standard output carries progress bars too.

Its exit status is not enough to tell success. `hash`, `create`, `delete` and
`delete-project` end with 0 after a refusal, and `upload` sends the encodings through
the API when it gets no credentials for the object store. So each method also looks for
the words that the program says only when it did what it was asked.
"""

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.local.environments import ENVIRONMENTS

_SHOWN_LINES = 15
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?: .*\n)+")


class ClientError(Exception):
    """The client did not do what it was asked.

    ``output`` is all that it printed. The message shows the end of it, where the client
    puts the server's words, without the tracebacks that it prints as well.
    """

    def __init__(self, command: str, reason: str, output: str) -> None:
        lines = filter(str.strip, _TRACEBACK.sub("\n", output).splitlines())
        shown = "\n".join(list(lines)[-_SHOWN_LINES:])
        super().__init__(f"anonlink {command} {reason}\n{shown}".rstrip())
        self.output = output


@dataclass(frozen=True)
class AnonlinkClient:
    """The command line of anonlink-client, and the server that it talks to.

    Parameters
    ----------
    server_url
        What a user gives as ``--server``: scheme and host, without ``/api``.
    program
        The ``anonlink`` program.
    timeout_s
        The time that any one command may take; the program itself would watch a run for
        a day.
    log
        A file to which each command's name and output are added. Tokens are in neither.
    """

    server_url: str
    program: Path = ENVIRONMENTS / "client" / "bin" / "anonlink"
    timeout_s: float = 300
    log: Path | None = None

    def encode(self, records: Path, secret: str, schema: Path, encodings: Path) -> None:
        """Encode a party's CSV file, on this machine alone, as ``{"clks": [...]}``."""
        files = [str(records), secret, str(schema), str(encodings)]
        self._run("hash", *files, notice="CLK data written to")

    def status(self) -> dict[str, Any]:
        """Ask the server how it is."""
        return self._answer("status")

    def create_project(
        self,
        schema: Path,
        *,
        result_type: str = "groups",
        parties: int = 2,
        blocked: bool = False,
        name: str = "",
    ) -> dict[str, Any]:
        """Create a project; the answer has its ``project_id`` and all its tokens."""
        options = ["--schema", str(schema), "--type", result_type, "--name", name]
        options += ["--parties", str(parties)]
        options += ["--blocked"] if blocked else []
        return self._answer("create-project", *options, notice="Project created")

    def upload(
        self,
        project_id: str,
        update_token: str,
        encodings: Path,
        *,
        blocks: Path | None = None,
        through_api: bool = False,
    ) -> dict[str, Any]:
        """Upload a party's encodings; the answer has its ``receipt_token``.

        They go to the object store with temporary credentials, and it is an error if
        they went another way, unless ``through_api`` asks for that.
        """
        options = [*_authorized(project_id, update_token), str(encodings)]
        options += ["--blocks", str(blocks)] if blocks else []
        options += ["--to_entityservice"] if through_api else []
        way = "entity service" if through_api else "the external object store"
        return self._answer("upload", *options, notice=f"Uploading to {way}")

    def create_run(self, project_id: str, result_token: str, threshold: float, *, name: str = "") -> dict[str, Any]:
        """Start a run; the answer has its ``run_id``."""
        options = [*_authorized(project_id, result_token), "--name", name]
        return self._answer("create", *options, "--threshold", str(threshold))

    def results(self, project_id: str, token: str, run_id: str, *, watch: bool = True) -> dict[str, Any]:
        """Wait for a run's result and return it; without `watch`, do not wait."""
        options = [*_authorized(project_id, token), "--run", run_id]
        options += ["--watch"] if watch else []
        return self._answer("results", *options, notice="Received result")

    def delete_run(self, project_id: str, result_token: str, run_id: str) -> None:
        """Delete a run."""
        options = [*_authorized(project_id, result_token), "--run", run_id]
        self._run("delete", *self._server, *options, notice="Run deleted")

    def delete_project(self, project_id: str, result_token: str) -> None:
        """Delete a project with all that belongs to it."""
        options = [*self._server, *_authorized(project_id, result_token)]
        self._run("delete-project", *options, notice="Project deleted")

    @property
    def _server(self) -> list[str]:
        return ["--server", self.server_url]

    def _answer(self, command: str, *options: str, notice: str = "") -> dict[str, Any]:
        """Run a command that writes the server's answer to a file, and return it."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "answer.json"
            output = ["--output", str(file)]
            printed = self._run(command, *self._server, *options, *output, notice=notice)
            if not file.exists():
                raise ClientError(command, "brought no answer:", printed)
            answer: dict[str, Any] = json.loads(file.read_bytes())
            return answer

    def _run(self, command: str, *options: str, notice: str) -> str:
        """Run a command and return what it printed, if it ended well and said so."""
        status, printed = _execute([self.program, command, *options], self.timeout_s)
        if self.log:
            with self.log.open("a") as log:
                log.write(f"=== anonlink {command}: exit status {status}\n{printed}\n")
        if status is None:
            raise ClientError(command, f"took over {self.timeout_s:g} s:", printed)
        if status:
            raise ClientError(command, f"ended with exit status {status}:", printed)
        if notice not in printed:
            raise ClientError(command, f'did not say "{notice}":', printed)
        return printed


def _authorized(project_id: str, token: str) -> list[str]:
    return ["--project", project_id, "--apikey", token]


def _execute(command: list[str | Path], timeout_s: float) -> tuple[int | None, str]:
    """Run a program; return its exit status (None if it timed out) and its output.

    It gets a session of its own, so that whatever interrupts it here also ends the
    worker processes that `anonlink hash` starts.
    """
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(),
        start_new_session=True,
    ) as process:
        try:
            printed, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[0]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, printed


def _environment() -> dict[str, str]:
    """Return the environment of a user who has set nothing for this client.

    Its imports warn of a package's coming end, which tells the reader nothing.
    """
    kept = dict(os.environ)
    kept.pop("UPLOAD_OBJECT_STORE_SERVER", None)
    return kept | {"PYTHONWARNINGS": "ignore::UserWarning"}
