-- Records that a server is alive, in the sorted set KEYS[1], which belongs to no model. Given: its name, for how long.
local owner, length = unpack(ARGV, 2)
redis.call('ZREMRANGEBYSCORE', tag, '-inf', text(now))
redis.call('ZREMRANGEBYSCORE', tag, '(' .. text(now + LONGEST_LEASE), '+inf')
redis.call('ZADD', tag, text(now + tonumber(length)), owner)
redis.call('PEXPIRE', tag, LONGEST_LEASE)
local owners = redis.call('ZRANGE', tag, 0, -1)
table.sort(owners)
return {text(now), owners}
