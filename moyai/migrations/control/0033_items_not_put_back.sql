-- Of a store that was restored alone: how many items of active residents did not come back, because something of their
-- kind had been deleted since. Residents are told.
alter table platform.restore add column items_withheld int not null default 0;
