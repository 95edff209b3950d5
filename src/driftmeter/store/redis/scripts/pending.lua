-- Returns the profiles that have slices which are not folded yet, oldest first.
local pending = {}
for _, digest in ipairs(redis.call('ZRANGE', key('digests'), 0, -1)) do
  local last = redis.call('ZRANGE', key('ends', digest), -1, -1, 'WITHSCORES')[2]
  local folded = redis.call('HGET', key('fold', digest), 'folded') or '0'
  if last and tonumber(last) > tonumber(folded) then pending[#pending + 1] = digest end
end
return pending
