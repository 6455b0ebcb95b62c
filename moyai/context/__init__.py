"""City data: NGSI entities in tenants, read by all where they are common, written by certified organisations.

- reading: `get`, `find`, `count`, `types`; writing: `create`, `create_or_append`, `append`, `update`, `replace`,
  `set_attribute`, `set_value`, `delete`, `delete_attribute`, `put_many` (all with an `Author` from `access.author`)
- import of open data: `command.import_file` and the command `command.run`
- errors are `NgsiError`, in NGSI's own kinds
"""

from moyai.context.access import COMMON_TENANT, tenant_of, tenant_of_organization
from moyai.context.actions import count, find, get, types
from moyai.context.errors import Kind, NgsiError
from moyai.context.model import Author, Entity, StoredEntity
from moyai.context.query import EntityQuery

__all__ = [
    "COMMON_TENANT",
    "Author",
    "Entity",
    "EntityQuery",
    "Kind",
    "NgsiError",
    "StoredEntity",
    "count",
    "find",
    "get",
    "tenant_of",
    "tenant_of_organization",
    "types",
]
