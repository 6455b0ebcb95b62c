"""Names to keys: which integer a dataset or purpose id stands for. An id never changes its key, so this may be
remembered; whether anything is permitted is never remembered."""

from __future__ import annotations

from moyai.base.db import Database
from moyai.base.errors import Problem
from moyai.registry import lookups

NO_PURPOSE = 0
"""No link has this key, so the gate answers `purpose_not_registered`."""


class Names:
    def __init__(self, control: Database) -> None:
        self._control = control
        self._datasets: dict[str, int] = {}
        self._dataset_ids: dict[int, str] = {}
        self._purposes: dict[str, int] = {}

    async def dataset(self, dataset_id: str) -> int:
        """Raises Problem("dataset_unknown")."""
        key = self._datasets.get(dataset_id)
        if key is None:
            try:
                async with self._control.connection() as conn:
                    key = (await lookups.dataset(conn, dataset_id)).dataset_key
            except Problem as problem:
                raise Problem("dataset_unknown", dataset_id[:63]) from problem
            self._datasets[dataset_id] = key
            self._dataset_ids[key] = dataset_id
        return key

    def dataset_id(self, dataset_key: int) -> str:
        return self._dataset_ids[dataset_key]

    async def purpose(self, purpose_id: str) -> int:
        key = self._purposes.get(purpose_id)
        if key is None:
            try:
                async with self._control.connection() as conn:
                    key = (await lookups.purpose(conn, purpose_id)).purpose_key
            except Problem:
                return NO_PURPOSE
            self._purposes[purpose_id] = key
        return key
