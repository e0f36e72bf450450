"""What people ask commands for: the tables that they name, and the error where something can't be done as it was asked."""

import difflib
from collections.abc import Collection, Mapping

from contracts.errors import PermanentError
from contracts.model import Contract

_NAMED = 3
_ALIKE = 0.75


class RequestError(PermanentError):
    """A command was asked for something that isn't there, or that it doesn't do."""


def named_contract(name: str, contracts: Mapping[str, Contract]) -> Contract:
    """The contract of a table that is named as in paths (silver/orders) or as in SQL (silver.orders).

    Raises:
        RequestError: there is no such table.
    """
    table = _plain(name)
    if table not in contracts:
        raise unknown_table(name, contracts)
    return contracts[table]


def unknown_table(name: str, known: Collection[str]) -> RequestError:
    """The error for a name that no table has: names the tables that may have been meant, else all."""
    near = near_names(name, known)
    if near:
        return RequestError(f"there is no table '{name}'; did you mean {' or '.join(near)}?")
    return RequestError(f"there is no table '{name}'; there are {', '.join(known)}")


def near_names(name: str, known: Collection[str]) -> list[str]:
    """The tables, at most three, whose name is like the given one, with its layer or without."""
    plain = {_plain(one): one for one in known}
    bare = {one: one.split("/")[1] for one in plain}
    wanted = _plain(name)
    whole = difflib.get_close_matches(wanted, plain, n=_NAMED, cutoff=_ALIKE)
    names = difflib.get_close_matches(wanted.rsplit("/", maxsplit=1)[-1], set(bare.values()), n=_NAMED, cutoff=_ALIKE)
    others = [one for near in names for one in plain if bare[one] == near]
    return [plain[one] for one in dict.fromkeys([*whole, *others])][:_NAMED]


def _plain(name: str) -> str:
    return name.lower().replace(".", "/")
