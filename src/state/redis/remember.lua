-- Remembers an outcome, unless one is remembered, or the request is from before its member was erased.
-- KEYS: outcome, mark of erasure. ARGV: outcome, its lifetime (ms), when the request was sent (ms; '' where that is not known)
-- Returns {'answered', the outcome that stands} | {'done'}.
local standing = redis.call('GET', KEYS[1])
if standing then return {'answered', standing} end
if not is_erased(KEYS[2], ARGV[3]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return {'done'}
