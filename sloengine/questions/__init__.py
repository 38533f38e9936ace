"""Questions to a running engine, from other commands on this machine.

In: the folder of a store, a question and its parameters. Out: the engine's own words, or nothing
where no engine runs. Guaranteed: asking takes neither a database nor a server nor the engine's
configuration; whoever asks waits for the answer, not for what only the engine needs.
"""

from sloengine.questions.asking import (
    EXIT_CODE_HEADER,
    STORE_FOLDER,
    LocalAnswerError,
    ask,
    socket_of,
)
from sloengine.questions.report_request import FORMATS, LATEST, Format, ReportRequest

__all__ = [
    "EXIT_CODE_HEADER",
    "FORMATS",
    "LATEST",
    "STORE_FOLDER",
    "Format",
    "LocalAnswerError",
    "ReportRequest",
    "ask",
    "socket_of",
]
