"""What can go wrong in the demo, told in one line with what to do."""


class DemoError(Exception):
    """Something the person who started the demo can mend; the message says how."""
