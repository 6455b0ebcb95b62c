"""What every room stands on: configuration, database access, keys, clock, ids, errors, logging.

Nothing here knows a resident, an organisation or a consent.
"""
