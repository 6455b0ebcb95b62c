-- Which schema an item was checked against (SHA-256 of the items' schemas). An item of exactly the shape that a consent
-- opens is handed on as it was sent; of any other, only what the consent names is taken out.
alter table store.item add column shape bytea;
