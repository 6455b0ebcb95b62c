-- A resident may answer to items that were added that only the earlier data may be used: the consent stays to the version
-- that it is to, and this is the last text whose further items were declined, so that they are not asked about again.
alter table consent.state add column declined_version_key int;
alter table consent.history add column declined_version_key int;
