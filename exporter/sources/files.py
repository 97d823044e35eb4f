"""Log files as a source: JSON lines, CSV and Parquet, plain or compressed, growing, rotated, truncated and new ones."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from exporter.batch import Batch, Poll
from exporter.errors import SourceError
from exporter.sources.file_content import PRINT_BYTES, BrokenContent, Format, Window, first_line, sniffed
from exporter.sources.file_cursor import KEPT_VANISHED, Mark, decode, encode
from exporter.sources.file_identity import LogFile, confirm
from exporter.sources.file_kinship import Kinship
from exporter.sources.file_reader import Harvest, TextReader, start_of, with_head
from exporter.sources.file_survey import Known, Survey, finished, problem, survey
from exporter.sources.formats.csv import Csv, Header, header_of
from exporter.sources.formats.jsonl import JsonLines
from exporter.sources.formats.lines import Block, LineFormat, reject
from exporter.sources.formats.parquet import Gap, ParquetRows, footer_digest
from exporter.sources.source import Source

OPEN_STREAMS: Final = 4
"""Compressed and Parquet files that stay open between polls, so that going on does not begin at their start."""


class FilesConfig(BaseModel):
    """Log files of one directory or many."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["files"]
    path: Annotated[str | list[str], Field(description="One glob or a list of them; ** goes through directories.")]
    format: Annotated[
        Literal["auto", "jsonl", "csv", "parquet"],
        Field(description="Format of all files; auto: by each file's name, else by its first bytes."),
    ] = "auto"
    delimiter: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1,
            description="CSV: between fields; default: what the header holds most of , ; tab |.",
        ),
    ] = None
    column_names: Annotated[
        list[str] | None, Field(min_length=1, description="CSV: names of the columns of files without a header line.")
    ] = None
    null_values: Annotated[list[str], Field(description="CSV: unquoted texts that mean that a value is missing.")] = [
        "",
        "NA",
        "N/A",
        "NaN",
        "nan",
        "null",
        "NULL",
    ]
    max_line_bytes: Annotated[int, Field(ge=64, le=64 << 20, description="Longer lines are set aside.")] = 1 << 20

    @field_validator("path")
    @classmethod
    def _not_empty(cls, value: str | list[str]) -> str | list[str]:
        if not value or not all([value] if isinstance(value, str) else value):
            raise ValueError("name at least one file or glob, such as logs/*.jsonl")
        return value

    @property
    def patterns(self) -> tuple[str, ...]:
        """All globs."""
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)

    def describe(self) -> str:
        """For people: what is read."""
        return f"files {', '.join(self.patterns)}"

    def open(
        self,
        *,
        keep_rows: bool = False,
        columns: tuple[str, ...] | None = None,
        complete: bool = False,
        id_column: str | None = None,  # noqa: ARG002 -- a line is told by where it stands
    ) -> Source:
        """The source, at rest until it is polled.

        Args:
            keep_rows: rejected lines keep their text.
            columns: top-level columns that are needed; None: all.
            complete: the files are finished (training data): a last line without newline is taken at once.
            id_column: of no use here.
        """
        return FilesSource(self, keep_rows=keep_rows, columns=columns, complete=complete)


class FilesSource:
    """Reads log files from where a cursor stands; what it keeps open only saves time."""

    def __init__(
        self, config: FilesConfig, *, keep_rows: bool, columns: tuple[str, ...] | None, complete: bool
    ) -> None:
        self._config = config
        self._columns = columns
        self._keep_rows = keep_rows
        self._complete = complete
        self._forced: Format | None = None if config.format == "auto" else config.format
        self._text = TextReader(config.max_line_bytes, keep_rows)
        self._jsonl = JsonLines(columns, keep_rows)
        self._streams: dict[tuple[int, int], Window | ParquetRows] = {}

    def poll(self, cursor: bytes | None, limit: int) -> Poll:
        """At most about `limit` rows after the cursor: file by file, the one written to longest ago first.

        Raises:
            SourceError: no file matches, or none can be read; fatal where the cursor is of something else.
        """
        found = survey(self._config.patterns, decode(cursor), self._forced)
        harvest = Harvest(limit, problems=list(found.problems))
        kinship = Kinship(found, self._config.patterns)
        marks: list[Mark] = list(found.held)
        exhausted, readable, backlog = True, 0, 0
        for known in found.known:
            mark = known.mark
            if harvest.full:
                exhausted = exhausted and known.idle
            else:
                before = harvest.size
                try:
                    mark = self._read(known, found, kinship, harvest)
                    readable += 1
                except (OSError, BrokenContent) as error:
                    # The mark stays where it was: what was read from there on will be read again.
                    harvest.cut(before)
                    self._forget(known.file)
                    kinship.give_back(known.file)
                    harvest.problems.append(problem(known.file.path, error))
            if mark is not None:
                marks.append(mark)
                exhausted = exhausted and (mark.drained or not harvest.full)
            backlog += _unread(known.file, mark)
        if not (readable or harvest.full):
            raise SourceError(self._nothing_read(harvest.problems))
        return Poll(
            batches=tuple(harvest.batches),
            rejects=tuple(harvest.rejects),
            cursor=encode([*_worth_keeping(kinship.lost, marks), *marks]),
            exhausted=exhausted,
            backlog_bytes=backlog,
            problems=tuple(harvest.problems),
            unnoted={"unreadable": harvest.unnoted} if harvest.unnoted else {},
        )

    def close(self) -> None:
        """Closes what is open."""
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()

    def _nothing_read(self, problems: list[str]) -> str:
        if not problems:
            return f"files: nothing matches {', '.join(self._config.patterns)}; check path, or wait for the first log"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return f"files: {problems[0]}{more}"

    def _read(self, known: Known, found: Survey, kinship: Kinship, harvest: Harvest) -> Mark | None:
        """Reads on in one file; its new mark, or None where it is to be left alone."""
        file, mark, moved = known.file, known.mark, known.moved
        if known.idle and not self._may_end(known, found):
            return None if mark is None else replace(mark, path=file.path, device=file.device, inode=file.inode)
        if mark is None or mark.offset == 0:  # nothing was read of it: it may be another one's copy, begun a moment ago
            # What is empty cannot be told from a copy of which nothing is there yet.
            empty = not file.size and file.format != "parquet"
            if empty or not kinship.may_be_read(file):
                return None
            heir = kinship.take(file)
            if heir is not None:
                mark, moved = heir, True
        mark = replace(mark or start_of(file), path=file.path, device=file.device, inode=file.inode)
        kind = file.format or sniffed(file.path, file.compression)
        if kind == "parquet":
            return self._read_parquet(file, mark, harvest)
        beginning = kinship.beginning(file) if mark.offset == 0 else b""
        ending = partial(self._finished, Known(file, mark, moved=moved), found)
        return self._read_text(file, mark, kind, harvest, ending, beginning=beginning)

    def _may_end(self, known: Known, found: Survey) -> bool:
        """True where a plain file that does not change has a last line without newline, and that is now complete."""
        mark, file = known.mark, known.file
        if mark is None or mark.of_parquet or file.compression is not None or file.size <= mark.offset:
            return False
        return self._finished(known, found)

    def _finished(self, known: Known, found: Survey) -> bool:
        return self._complete or finished(known, (one.file for one in found.known))

    def _read_text(
        self,
        file: LogFile,
        mark: Mark,
        kind: Format | None,
        harvest: Harvest,
        ending: Callable[[], bool],
        *,
        beginning: bytes,
    ) -> Mark:
        start = self._start(file, kind)
        if start is None:
            return replace(mark, drained=True, size=file.size, mtime=file.mtime)
        lines_of, behind_header, header_lines = start
        window, before = self._window(file, mark), mark
        if mark.offset and (window.position != mark.offset or window.tail != mark.tail):
            window.close()
            if file.compression is None:
                raise BrokenContent("was truncated a moment ago; looked at again at the next poll")
            mark = before = start_of(file)
            window = self._window(file, mark)
        try:
            head = b"" if mark.offset else window.peek(PRINT_BYTES)
            _same_beginning(head, beginning)
            if kind == "jsonl" and mark.offset == 0 and window.peek(1) == b"[":
                harvest.problems.append(
                    f"{file.path}: holds a JSON array; write one JSON object a line (jq -c '.[]' converts it)"
                )
            if mark.offset < behind_header:
                window.peek(behind_header)
                window.advance(behind_header)
                mark = replace(mark, offset=behind_header, line=header_lines)
            mark = self._text.read(window, mark, lines_of, harvest, ending)
            mark = with_head(replace(mark, size=file.size, mtime=file.mtime), file)
            confirm(file, before, mark, head)
        except BaseException:
            window.close()
            raise
        self._keep_text(file, window, mark, harvest)
        return mark

    def _keep_text(self, file: LogFile, window: Window, mark: Mark, harvest: Harvest) -> None:
        """Tells what is wrong with a compressed file, and keeps it open where reading can go on in it."""
        if mark.drained and window.broken:
            harvest.problems.append(f"{file.path}: cannot be decompressed after line {mark.line} ({window.broken})")
            rest = Block(window.peek(self._config.max_line_bytes), file.path, mark.line + 1)
            harvest.rejects.append(reject(rest, mark.line + 1, rest.content, "unreadable", keep=self._keep_rows))
        elif mark.drained and file.compression is not None and not window.whole:
            harvest.problems.append(
                f"{file.path}: ends within its compressed stream after line {mark.line}; waiting for the rest"
            )
        going_on = not mark.drained or (window.whole and not window.broken)
        self._keep(file, window, reusable=file.compression is not None and going_on)

    def _read_parquet(self, file: LogFile, mark: Mark, harvest: Harvest) -> Mark:
        rows = self._streams.pop(file.identity, None)
        if not (isinstance(rows, ParquetRows) and rows.position == mark.offset and mark.offset):
            if rows is not None:
                rows.close()
            rows = ParquetRows(file.path, mark.offset, self._columns)
        head = mark.head or footer_digest(file.path)
        while not harvest.full and (batch := rows.read(harvest.rows)) is not None:
            if isinstance(batch, Gap):
                harvest.skip(file.path, batch)
                continue
            harvest.batches.append(Batch(batch, file.path, rows.position - batch.num_rows + 1))
            harvest.rows -= batch.num_rows
            harvest.bytes -= batch.nbytes
        self._keep(file, rows, reusable=rows.position < rows.rows)
        return replace(
            mark,
            head=head,
            offset=rows.position,
            line=rows.position,
            drained=rows.position >= rows.rows,
            size=file.size,
            mtime=file.mtime,
        )

    def _start(self, file: LogFile, kind: Format | None) -> tuple[LineFormat, int, int] | None:
        """A text file's format, the place behind its header and the header's lines; None while these cannot be told."""
        if kind == "jsonl":
            return self._jsonl, 0, 0
        if kind is None:
            return None
        header, behind, lines = Header(b"", tuple(self._config.column_names or ()), self._config.delimiter or ","), 0, 0
        if self._config.column_names is None:
            line = first_line(file.path, file.compression, self._config.max_line_bytes)
            if line is None:
                return None
            header, behind, lines = header_of(line[0], self._config.delimiter), line[1], line[2]
        return Csv(header, tuple(self._config.null_values), self._columns, self._keep_rows), behind, lines

    def _window(self, file: LogFile, mark: Mark) -> Window:
        """A window at the mark, kept open from the last poll where that stood there.

        Raises:
            OSError: the file cannot be opened, or was renamed a moment ago.
        """
        window = self._streams.pop(file.identity, None)
        if isinstance(window, Window) and window.position == mark.offset and window.tail == mark.tail and mark.offset:
            return window
        if window is not None:
            window.close()
        window = Window(file.path, file.compression, mark.offset)
        found = os.stat(file.path)  # noqa: PTH116 -- as the glob gave it
        if (found.st_dev, found.st_ino) != file.identity:
            window.close()
            raise FileNotFoundError(2, "renamed while it was opened; found again at the next poll")
        return window

    def _keep(self, file: LogFile, stream: Window | ParquetRows, *, reusable: bool) -> None:
        if not reusable:
            stream.close()
            return
        self._streams[file.identity] = stream
        while len(self._streams) > OPEN_STREAMS:
            self._streams.pop(next(iter(self._streams))).close()

    def _forget(self, file: LogFile) -> None:
        stream = self._streams.pop(file.identity, None)
        if stream is not None:
            stream.close()


def _same_beginning(head: bytes, looked_at: bytes) -> None:
    if not head.startswith(looked_at):
        raise BrokenContent("was replaced a moment ago; looked at again at the next poll")


def _unread(file: LogFile, mark: Mark | None) -> int:
    """Bytes on disk that were not read; of compressed and Parquet files all until the end is reached."""
    if mark is None:
        return file.size
    if file.compression is None and not mark.of_parquet:
        return max(0, file.size - mark.offset)
    return 0 if mark.drained else file.size


def _worth_keeping(lost: list[Mark], marks: list[Mark]) -> list[Mark]:
    """Marks of files that may come back or turn up elsewhere: those last written to; an inode stays with one mark."""
    taken = {mark.identity for mark in marks}
    kept = sorted((mark for mark in lost if mark.offset), key=lambda mark: (mark.mtime, mark.path))[-KEPT_VANISHED:]
    return [replace(mark, device=0, inode=0) if mark.identity in taken else mark for mark in kept]
