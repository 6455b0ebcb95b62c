-- A store's rows belong to its organisation's own role, whose grants name it (moyai.base.provision).
revoke all on schema public from public;
