-- Holds the lock for longer if it is ours.
-- KEYS: lock [, session]. ARGV: token, lifetime (ms). Returns 1, 0 where nobody has it, -1 where it is another's.
local holder = redis.call('GET', KEYS[1])
if not holder then return 0 end
if holder ~= ARGV[1] then return -1 end
hold(KEYS[1], ARGV[1], ARGV[2], KEYS[2])
return 1
