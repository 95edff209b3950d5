-- Say that a server is there; KEYS[1] is of no model.
local owner, length, longest = unpack(ARGV, 2)
redis.call('ZREMRANGEBYSCORE', tag, '-inf', text(now))
redis.call('ZREMRANGEBYSCORE', tag, '(' .. text(now + tonumber(longest)), '+inf')
redis.call('ZADD', tag, text(now + tonumber(length)), owner)
redis.call('PEXPIRE', tag, longest)
local found = redis.call('ZRANGE', tag, 0, -1)
table.sort(found)
return {text(now), found}
