-- The hours of an erasure run from the moment a member of staff asks or stands for it. What a program asked for before waits
-- as long as it would now; the release before, which may still run beside this one, erases none of them within that time.
update identity.desk_request set expires_at = asked_at + interval '30 days'
 where staff_key is null and confirmed_by is null;
