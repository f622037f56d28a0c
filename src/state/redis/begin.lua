-- Looks a request up in the journal and, when it is new, takes the member's lock.
-- KEYS: lock, outcome of the request, outcome of the record, mark of erasure, names of what was answered before it
--       [, session, draft, ended]
-- ARGV: token, lifetime of the lock (ms), when the request was sent (ms; '' where that is not known)
-- Returns {'answered', outcome} | {'erased' [, 'answered']} | {'busy'} | {'open' [, session, its version, draft, ended]}.
local holder = redis.call('GET', KEYS[1])
local outcome = redis.call('GET', KEYS[2]) or redis.call('GET', KEYS[3])
if outcome then
  if holder == ARGV[1] then redis.call('DEL', KEYS[1]) end
  return {'answered', outcome}
end
if is_erased(KEYS[4], ARGV[3]) then
  if holder == ARGV[1] then redis.call('DEL', KEYS[1]) end
  for _, key in ipairs({KEYS[2], KEYS[3]}) do
    if redis.call('SISMEMBER', KEYS[5], key:match('[^:]*$')) == 1 then return {'erased', 'answered'} end
  end
  return {'erased'}
end
-- A token names its instance and then the time of its start: of an earlier start of the same instance nothing goes on.
local function is_succeeded(by)
  return holder:sub(1, 13) == by:sub(1, 13) and holder:sub(14, 28) < by:sub(14, 28)
end
if holder and holder ~= ARGV[1] and not is_succeeded(ARGV[1]) then return {'busy'} end
hold(KEYS[1], ARGV[1], ARGV[2], KEYS[6])
if #KEYS == 5 then return {'open'} end
local session = redis.call('GET', KEYS[6])
return {'open', session, version_of(session), redis.call('GET', KEYS[7]), redis.call('GET', KEYS[8])}
