-- Keep something of a model that exists: the key, the field, the value; `first` keeps what is there, and no value takes
-- it away.
local name, field, value, first = unpack(ARGV, 2)
if redis.call('HEXISTS', tag, 'born') == 0 then return -1 end
local where = name == '' and tag or key(name)
if not value then return redis.call('HDEL', where, field) end
if first then return redis.call('HSETNX', where, field, value) end
return redis.call('HSET', where, field, value)
