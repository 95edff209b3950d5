-- Makes a model unknown, and reserves its name until everything that belongs to it is gone. Given: a token of the process
-- that deletes, how many ms another process has to finish a deletion, and `only_finish` if no new deletion may begin.
-- Returns -1 if there is nothing to delete, 0 if another process is at it, 1 if the caller is to go on.
local token, patience, only_finish = unpack(ARGV, 2)
local gone, born, other_token = unpack(redis.call('HMGET', tag, 'gone', 'born', 'token'))
if not gone and (only_finish or not born) then return -1 end
if gone and other_token ~= token then
  local passed = now - tonumber(gone)
  if passed >= 0 and passed < tonumber(patience) then return 0 end
end
redis.call('DEL', tag)
redis.call('HSET', tag, 'gone', text(now), 'token', token)
return 1
