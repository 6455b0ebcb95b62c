"""`moyai up SCENARIO`: from one file of data to a running platform with services, residents and city data.

Everything a scenario says enters through the HTTP API or `moyai apply` (the same actions): there is no side door.
"""
