-- Writes outcomes once more, as they are: a WAIT that follows on this connection covers them, whoever wrote them first.
-- KEYS: two a caller, of which one holds its outcome. Returns for each caller 1, or 0 where neither is there.
local kept = {}
for caller = 1, #KEYS / 2 do
  kept[caller] = 0
  for _, key in ipairs({KEYS[2 * caller - 1], KEYS[2 * caller]}) do
    local left = redis.call('PTTL', key)
    if left ~= -2 then kept[caller] = 1 end
    if left > 0 then redis.call('PEXPIRE', key, left) end
  end
end
return kept
