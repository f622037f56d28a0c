-- Runs one(KEYS, ARGV), which stands before this, for several callers.
-- KEYS: the keys of all callers. ARGV: for each caller the number of its keys, the number of its arguments, and these.
-- Returns what each caller gets, in the same order.
local replies, key, arg = {}, 1, 1
while arg < #ARGV do
  local keys, args = tonumber(ARGV[arg]), tonumber(ARGV[arg + 1])
  local first = arg + 2
  replies[#replies + 1] = one({unpack(KEYS, key, key + keys - 1)}, {unpack(ARGV, first, first + args - 1)})
  key, arg = key + keys, first + args
end
return replies
