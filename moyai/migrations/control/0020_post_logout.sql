-- Where a browser may be sent after a log-out that a client asked for: registered exactly, like redirect URIs.
alter table registry.client add column post_logout_redirect_uris text[] not null default '{}';
