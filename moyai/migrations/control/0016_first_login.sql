-- The first log-in replaces what was handed over on paper. The authenticator secret that is offered then is made with
-- the session and goes with it: who began a first log-in elsewhere, with a copy of the sheet, knows another one.
alter table identity.session add column sealed_totp bytea;
