"""The errors a user can meet. Each is one line: where, what is wrong, what to do."""

from dataclasses import dataclass


class ExporterError(Exception):
    """Everything that the command line turns into one line and an exit code."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration: where it stands, what it is and how to mend it."""

    where: str
    """`file:line: key.path`, as precise as it can be known."""
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigError(ExporterError):
    """A configuration that cannot be used; holds all its problems at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class SourceError(ExporterError):
    """A source that could not be read; retried with back-off.

    A `fatal` one cannot mend itself: it is left alone until a reload or a restart.
    """

    def __init__(self, message: str, *, fatal: bool = False) -> None:
        self.fatal = fatal
        super().__init__(message)


class StateError(ExporterError):
    """A state directory that cannot be opened, read or written."""


class UnknownVersion(ExporterError, ValueError):  # noqa: N818 - says what it is
    """Something was written by another version of the program, in a form that this one does not read."""

    def __init__(self, what: str, found: object, *, reads: int) -> None:
        """Says who wrote it: `found` is its version, `reads` the newest that this program reads."""
        number = int(found) if str(found).isdigit() else None  # type: ignore[call-overload]
        writer = "another" if number is None else "a newer" if number > reads else "an older"
        super().__init__(f"{what} version {found}, written by {writer} ml-exporter; this one reads version {reads}")


class ReferenceFileError(ExporterError):
    """A reference file that is missing, broken, or made for something else."""


class ProfileMismatch(ExporterError):  # noqa: N818 - says what it is
    """Counts of two layouts were about to be added: they have other bins and cannot be."""
