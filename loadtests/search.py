"""Searches: the questions of known answer of the stack's corpus, through the contract's search request."""

from gonogo.load.users import OpenModelUser


class Search(OpenModelUser):
    """Asks one question after the other, each at its due instant."""
