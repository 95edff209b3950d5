-- Make a model unknown, and its name taken until all that belongs to it is gone. Given: a token of who does it, how
-- long another one has to finish, whether only to finish what another one began.
local token, length, only = unpack(ARGV, 2)
local gone, born, whose = unpack(redis.call('HMGET', tag, 'gone', 'born', 'token'))
if not gone and not born then return -1 end
if only and not gone then return -1 end
if gone and whose ~= token and now - tonumber(gone) >= 0 and now - tonumber(gone) < tonumber(length) then return 0 end
redis.call('DEL', tag)
redis.call('HSET', tag, 'gone', text(now), 'token', token)
return 1
