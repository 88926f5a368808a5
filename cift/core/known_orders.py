"""What the matcher knows of live orders beside the books: their clients' names, and owners of those that may leave
without being asked.
"""

from __future__ import annotations


class KnownOrders:
    """Names and owners by order, and orders by name."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, str], int] = {}
        self._named: dict[int, tuple[int, str]] = {}
        self._owners: dict[int, int] = {}

    @classmethod
    def restore(cls, names: list[tuple[int, str, int]], owners: list[tuple[int, int]]) -> KnownOrders:
        """Return what `names` and `owners` were asked of."""
        known = cls()
        for user_id, name, order_id in names:
            known.name(order_id, user_id, name)
        known._owners = dict(owners)
        return known

    def copy(self) -> KnownOrders:
        """Return what is known at this moment."""
        known = KnownOrders()
        known._names, known._named, known._owners = self._names.copy(), self._named.copy(), self._owners.copy()
        return known

    @property
    def names(self) -> list[tuple[int, str, int]]:
        """User, name and order, those named first before others."""
        return [(user_id, name, order_id) for (user_id, name), order_id in self._names.items()]

    @property
    def owners(self) -> list[tuple[int, int]]:
        """Order and user, those known first before others."""
        return list(self._owners.items())

    @property
    def tables(self) -> tuple[dict[tuple[int, str], int], dict[int, tuple[int, str]], dict[int, int]]:
        """Orders by user and name, users and names by order, and users by order, for who keeps them as we do."""
        return self._names, self._named, self._owners

    def name(self, order_id: int, user_id: int, name: str | None) -> None:
        """Keep what a client calls an order, if anything."""
        if name is not None:
            self._names[user_id, name] = order_id
            self._named[order_id] = (user_id, name)

    def own(self, order_id: int, user_id: int) -> None:
        """Keep whose an order is."""
        self._owners[order_id] = user_id

    def with_name(self, user_id: int, name: str | None) -> int | None:
        """Return the user's live order of that name."""
        return None if name is None else self._names.get((user_id, name))

    def has_name(self, order_id: int) -> bool:
        """Whether a client named it."""
        return order_id in self._named

    def owner(self, order_id: int, otherwise: int) -> int:
        """Return whose an order is; `otherwise` if that was not kept."""
        return self._owners.get(order_id, otherwise)

    def forget(self, order_id: int) -> None:
        """The order has left: its name is free again."""
        name = self._named.pop(order_id, None)
        if name is not None:
            del self._names[name]
        self._owners.pop(order_id, None)
