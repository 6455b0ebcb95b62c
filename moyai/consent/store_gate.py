"""The gate's SQL: everything that can close a link, read from the primary in one statement for all who wait.

Reads the views that `registry` and `identity` publish for the gate. What is a resident's comes by lateral joins with
`offset 0`, which keep to the index: a plan is made once, maybe while a table is still empty, and the planner would
probe consents by resident alone. `terms_until` says of each version of terms from when on its acceptance is not enough;
whose acceptance is not on record accepted the first version at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from moyai.base.db import Connection, Record
from moyai.base.lanes import int_array, safe_array


async def standing_of_links(
    conn: Connection,
    client_keys: Sequence[int],
    component_keys: Sequence[int],
    subjects: Sequence[str],
    dataset_keys: Sequence[int],
    purpose_keys: Sequence[int],
) -> list[Record]:
    """Rows per question (`n`, from 1): one per registered link that answers it, or one with `link_key` null.

    `subjects` must be checked UUIDs: they travel inside an array literal.
    """
    return await conn.fetch(
        """
        select q.n::int, clock_timestamp() as at,
               g.value as registry_epoch, coalesce(e.value, 0) as resident_epoch,
               c.client_state, c.organization_state,
               c.component_key = q.component_key and 'personal:exchange' = any(c.client_scopes) as client_may_exchange,
               s.resident_key, s.resident_state, s.ial,
               s.ends_at <= clock_timestamp() as tie_ended,
               l.link_key, l.link_id, l.link_state, l.service_state, l.provider_state, l.consumer_state,
               s.municipality_code = any(l.municipality_codes) as in_scope,
               l.required_ial, l.required_aal,
               l.dataset_key, l.dataset_id,
               l.provider_component_key, l.provider_component_id,
               l.provider_organization_key, l.provider_organization_id, l.version_key, l.service_id,
               k.state as consent_state, k.aal as consent_aal,
               k.expires_at <= clock_timestamp() as consent_expired,
               coalesce(least(l.terms_until[coalesce(k.service_terms, 1)],
                              l.platform_terms_until[coalesce(k.platform_terms, 1)]) <= clock_timestamp(),
                        false) as terms_outdated,
               least(k.expires_at, l.terms_until[coalesce(k.service_terms, 1)],
                     l.platform_terms_until[coalesce(k.platform_terms, 1)]) as consent_ends,
               v.version as consent_version, v.items as consent_items,
               p.subject::text as provider_subject
          from unnest($1::text::int[], $2::text::int[], $3::text::uuid[], $4::text::int[], $5::text::int[])
               with ordinality as q(client_key, component_key, subject, dataset_key, purpose_key, n)
         cross join ledger.registry_epoch_now g
          left join registry.client_standing c on c.client_key = q.client_key
          left join lateral (
               select * from identity.subject_standing i
                where i.component_key = q.component_key and i.subject = q.subject offset 0) s on true
          left join lateral (
               select i.value from ledger.resident_epoch_now i
                where i.resident_key = s.resident_key offset 0) e on true
          left join registry.link_standing l
            on l.consumer_component_key = q.component_key
           and l.dataset_key = q.dataset_key and l.purpose_key = q.purpose_key
          left join lateral (
               select * from consent.state k
                where k.resident_key = s.resident_key and k.link_key = l.link_key offset 0) k on true
          left join registry.version_standing v on v.version_key = k.version_key and v.link_key = l.link_key
          left join lateral (
               select i.subject from identity.subject_standing i
                where i.resident_key = s.resident_key and i.component_key = l.provider_component_key
                  and i.ends_at is null offset 0) p on true
        """,
        int_array(client_keys),
        int_array(component_keys),
        safe_array(subjects),
        int_array(dataset_keys),
        int_array(purpose_keys),
    )


async def consumer_has_other_purpose(conn: Connection, component_key: int, dataset_key: int) -> bool:
    """Whether the consumer is linked to the dataset at all, for whatever purpose."""
    return await conn.fetchval(
        """
        select exists (select from registry.link_standing
                        where consumer_component_key = $1 and dataset_key = $2 and link_state = 'registered')
        """,
        component_key,
        dataset_key,
    )


async def standing_of_provider(
    conn: Connection, client_key: int, component_key: int, subject: str, dataset_key: int
) -> Record | None:
    """What decides whether a component may keep items of a dataset for a person: its own standing and the tie."""
    return await conn.fetchrow(
        """
        select clock_timestamp() as at, c.client_state, c.organization_state, c.organization_key,
               g.value as registry_epoch, coalesce(e.value, 0) as resident_epoch,
               s.resident_key, s.resident_state, s.ial, s.ends_at <= clock_timestamp() as tie_ended,
               exists (select from registry.link_standing l
                        where l.provider_component_key = $2 and l.dataset_key = $4
                          and l.link_state = 'registered') as provides
          from registry.client_standing c
         cross join ledger.registry_epoch_now g
          left join identity.subject_standing s on s.component_key = $2 and s.subject = $3::text::uuid
          left join ledger.resident_epoch_now e on e.resident_key = s.resident_key
         where c.client_key = $1 and c.component_key = $2
        """,
        client_key,
        component_key,
        subject,
        dataset_key,
    )


async def standing_of_resident_links(
    conn: Connection, resident_key: int, link_keys: Sequence[int], version_keys: Sequence[int | None]
) -> list[Record]:
    """The same facts as `standing_of_links`, asked for a resident and the links of a sharing. `shared_items`: what the
    version that a link was shared on, beside it in `version_keys`, still opens."""
    return await conn.fetch(
        """
        select clock_timestamp() as at, 'active' as client_state, 'certified' as organization_state,
               true as client_may_exchange, r.resident_key, r.resident_state, r.ial, false as tie_ended,
               l.link_key, l.link_id, l.link_state, l.service_state, l.provider_state, l.consumer_state,
               r.municipality_code = any(l.municipality_codes) as in_scope,
               l.required_ial, l.required_aal,
               l.dataset_key, l.dataset_id,
               l.provider_component_key, l.provider_component_id,
               l.provider_organization_key, l.provider_organization_id, l.version_key, l.service_id,
               k.state as consent_state, k.aal as consent_aal,
               k.expires_at <= clock_timestamp() as consent_expired,
               coalesce(least(l.terms_until[coalesce(k.service_terms, 1)],
                              l.platform_terms_until[coalesce(k.platform_terms, 1)]) <= clock_timestamp(),
                        false) as terms_outdated,
               least(k.expires_at, l.terms_until[coalesce(k.service_terms, 1)],
                     l.platform_terms_until[coalesce(k.platform_terms, 1)]) as consent_ends,
               v.version as consent_version, v.items as consent_items, w.items as shared_items,
               r.subject::text as provider_subject
          from unnest($2::int[], $3::int[]) as q(link_key, shared_version)
          join registry.link_standing l using (link_key)
          join identity.subject_standing r
            on r.component_key = l.provider_component_key and r.resident_key = $1 and r.ends_at is null
          left join consent.state k on k.resident_key = $1 and k.link_key = l.link_key
          left join registry.version_standing v on v.version_key = k.version_key and v.link_key = l.link_key
          left join registry.version_standing w on w.version_key = q.shared_version and w.link_key = l.link_key
        """,
        resident_key,
        list(link_keys),
        list(version_keys),
    )


async def still_shared(
    conn: Connection, resident_key: int, link_keys: Sequence[int], version_keys: Sequence[int | None]
) -> list[int]:
    """Of the links of a sharing those of which it still opens something: the version it was made on, and the one consented
    to now. Whether data flows at all is not asked, nor whether the provider knows the resident yet."""
    rows = await conn.fetch(
        """
        select q.link_key from unnest($2::int[], $3::int[]) as q(link_key, shared_version)
          join consent.state k on k.resident_key = $1 and k.link_key = q.link_key
          join registry.version_standing v on v.version_key = k.version_key and v.link_key = q.link_key
          join registry.version_standing w on w.version_key = q.shared_version and w.link_key = q.link_key
         where v.items && w.items
        """,
        resident_key,
        list(link_keys),
        list(version_keys),
    )
    return [row["link_key"] for row in rows]


async def standing_of_consents(conn: Connection, resident_key: int, municipality_code: str) -> list[Record]:
    """What the gate would find for every consent of a resident that stands as given, whoever asked."""
    return await conn.fetch(
        """
        select l.link_key, l.link_state, l.service_state, l.provider_state, l.consumer_state,
               $2::text = any(l.municipality_codes) as in_scope, l.required_ial, l.required_aal,
               k.state as consent_state, k.aal as consent_aal,
               k.expires_at <= clock_timestamp() as consent_expired, v.items as consent_items,
               coalesce(least(l.terms_until[coalesce(k.service_terms, 1)],
                              l.platform_terms_until[coalesce(k.platform_terms, 1)]) <= clock_timestamp(),
                        false) as terms_outdated
          from consent.state k
          join registry.link_standing l using (link_key)
          left join registry.version_standing v on v.version_key = k.version_key and v.link_key = k.link_key
         where k.resident_key = $1 and k.state = 1
        """,
        resident_key,
        municipality_code,
    )


async def active_subjects(conn: Connection, component_keys: Sequence[int]) -> list[Record]:
    """(subject, resident_key, component_key) of active residents whom these components know."""
    return await conn.fetch(
        """
        select subject, resident_key, component_key from identity.subject_standing
         where component_key = any($1::int[]) and resident_state = 'active'
           and (ends_at is null or ends_at > clock_timestamp())
        """,
        list(component_keys),
    )
