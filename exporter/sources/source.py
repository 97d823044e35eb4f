"""What a source is: something that can be asked, again and again, for what came since a cursor."""

from typing import Protocol

from exporter.batch import Poll


class Source(Protocol):
    """A log that is read from where a cursor stands.

    A source keeps nothing that a cursor does not say: the same cursor gives the same rows, also after a crash.
    Used by one thread.
    """

    def poll(self, cursor: bytes | None, limit: int) -> Poll:
        """At most about `limit` rows that stand after `cursor` (None: from the start).

        Raises:
            SourceError: nothing could be read; fatal only where retrying cannot mend it.
        """
        ...

    def close(self) -> None:
        """Lets go of what is open; the source is not used any more."""
        ...
