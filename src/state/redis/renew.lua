-- Holds the lock for longer if it is ours, or if it expired while the work went on and nobody has done that since, nor erased
-- its member.
-- KEYS: lock, outcome of the request, outcome of the record, mark of erasure, names of what was answered before it
--       [, session]
-- ARGV: token, lifetime (ms), when the request was sent (ms; '' where that is not known)
-- Returns 1 where it is ours now, 0 where the work is another's, or done.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not holder and (redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 or is_erased(KEYS[4], ARGV[3])) then return 0 end
hold(KEYS[1], ARGV[1], ARGV[2], KEYS[6])
return 1
