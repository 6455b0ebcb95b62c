"""Numbered SQL files: `control/` for a platform's own database, `store/` for linkable personal data,
`context/` for city data; `grants.sql` in each folder cuts the rights of the process roles."""
